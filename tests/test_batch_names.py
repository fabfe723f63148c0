"""The meaning of a batch's array is never derived from parts of its name."""

import re
from pathlib import Path

import archbuilder

PARTS = (
    r"(token_ids|padding_mask|packing_ids|packing_positions|positions|targets|weights|share|"
    r"generator|slots|draws|loss|accuracy|perplexity|encoder|decoder)"
)
NAME_PARSING = re.compile(
    rf"(endswith|startswith|removesuffix|removeprefix)\(\(?f?['\"]_?{PARTS}_?['\"]"
    rf"|f['\"]\{{[a-z_.]+\}}_(targets|weights|share)['\"]"
)


def test_the_pattern_matches_code_that_parses_names():
    for line in (
        'name.endswith("padding_mask")',
        "name.removesuffix('_generator')",
        'name.startswith("decoder")',
        'batch[f"{name}_weights"]',
    ):
        assert NAME_PARSING.search(line), line


def test_no_file_parses_the_name_of_an_array():
    package = Path(archbuilder.__file__).parent
    matches = [
        f"{file.relative_to(package)}:{number}: {line.strip()}"
        for file in sorted(package.rglob("*.py"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if NAME_PARSING.search(line)
    ]
    assert matches == []
