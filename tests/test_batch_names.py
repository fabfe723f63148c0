"""Nothing learns what an array of a batch is by taking its name apart."""

import re
from pathlib import Path

import archbuilder

PARTS = (
    r"(token_ids|padding_mask|packing_ids|packing_positions|positions|targets|weights|share|"
    r"generator|slots|draws|loss|accuracy|perplexity|encoder|decoder)"
)
CUTS = re.compile(
    rf"(endswith|startswith|removesuffix|removeprefix)\(\(?f?['\"]_?{PARTS}_?['\"]"
    rf"|f['\"]\{{[a-z_.]+\}}_(targets|weights|share)['\"]"
)


def test_the_pattern_finds_names_that_are_taken_apart():
    for line in (
        'name.endswith("padding_mask")',
        "name.removesuffix('_generator')",
        'name.startswith("decoder")',
        'batch[f"{name}_weights"]',
    ):
        assert CUTS.search(line), line


def test_no_file_takes_the_name_of_an_array_apart():
    package = Path(archbuilder.__file__).parent
    found = [
        f"{file.relative_to(package)}:{number}: {line.strip()}"
        for file in sorted(package.rglob("*.py"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if CUTS.search(line)
    ]
    assert found == []
