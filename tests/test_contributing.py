"""The worked example of CONTRIBUTING.md is a complete new objective."""

import re
from pathlib import Path

from tests import small_run
from tests.package_copy import PackageCopy

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLE, LINE = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
IMPORT = "from archbuilder.objectives.random_token_detection import RandomTokenDetection\n"
LAST_IMPORT = "from archbuilder.objectives.span_corruption import SpanCorruption\n"
LAST = "    | SpanCorruption\n"
"""The last line of the union of objectives."""


def test_the_worked_example_is_one_file_and_one_line_and_can_be_trained(tmp_path):
    assert len(EXAMPLE.splitlines()) < 40
    copy = PackageCopy(tmp_path / "copy")
    copy.add_file("objectives/random_token_detection.py", EXAMPLE)
    copy.edit_line("objectives/__init__.py", LAST_IMPORT, LAST_IMPORT + IMPORT)
    copy.edit_line("objectives/__init__.py", LAST, LAST + LINE)
    spec = small_run.bert(tmp_path, steps=2)
    del spec["model"]["pooler"]
    spec["objectives"] = {"random_token_detection": {"random_token_rate": 0.5}}
    small_run.write(spec, tmp_path / "spec.yaml")
    copy.archbuild("train", "spec.yaml", "--run", "run", cwd=tmp_path)
    assert "random_token_detection" in (tmp_path / "run" / "metrics.jsonl").read_text()

    spec["objectives"] = {"random_token_detection": {"random_token_rat": 0.5}}
    small_run.write(spec, tmp_path / "spec.yaml")
    process = copy.run("-m", "archbuilder", "validate", "spec.yaml", cwd=tmp_path)
    assert process.returncode == 2
    assert "random_token_rat: unknown field; did you mean 'random_token_rate'?" in process.stderr
