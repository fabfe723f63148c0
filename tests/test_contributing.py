"""The worked example of CONTRIBUTING.md is all that a new objective takes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import archbuilder
from tests import small_run

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLE, LINE = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
IMPORT = "from archbuilder.objectives.random_token_detection import RandomTokenDetection\n"
LAST = "    | SpanCorruption\n"
"""The last line of the union."""


def test_the_worked_example_is_one_file_and_one_line_and_trains(tmp_path):
    assert len(EXAMPLE.splitlines()) < 40
    package = tmp_path / "copy" / "archbuilder"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(archbuilder.__file__).parent, package, ignore=ignored)
    (package / "objectives" / "random_token_detection.py").write_text(EXAMPLE, encoding="utf-8")
    union = package / "objectives" / "__init__.py"
    text = union.read_text(encoding="utf-8")
    assert text.count(LAST) == 1
    union.write_text(IMPORT + text.replace(LAST, LAST + LINE), encoding="utf-8")
    spec = small_run.bert(tmp_path, steps=2)
    del spec["model"]["pooler"]
    spec["objectives"] = {"random_token_detection": {"random_token_rate": 0.5}}
    small_run.write(spec, tmp_path / "spec.yaml")
    done = archbuild(package.parent, "train", "spec.yaml", "--run", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "random_token_detection" in (tmp_path / "run" / "metrics.jsonl").read_text()

    spec["objectives"] = {"random_token_detection": {"random_token_rat": 0.5}}
    small_run.write(spec, tmp_path / "spec.yaml")
    done = archbuild(package.parent, "validate", "spec.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "random_token_rat: unknown field; did you mean 'random_token_rate'?" in done.stderr


def archbuild(path, *arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "archbuilder", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
    )
