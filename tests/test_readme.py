"""The commands, outputs, examples, tables and links of the README and of `docs` are correct."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from archbuilder.cli import app
from archbuilder.experiment import load
from archbuilder.objectives import AnyObjective
from archbuilder.shipped import shipped_specs
from archbuilder.text.corpus import Corpus
from archbuilder.text.data import Data
from archbuilder.text.tokenizer import Tokenizer
from archbuilder.tracking import Tracker
from archbuilder.training.recipe.distribution import Distribution
from archbuilder.training.recipe.optimizer import Optimizer
from archbuilder.training.recipe.recipe import Training
from archbuilder.training.recipe.schedule import Schedule
from archbuilder.training.recipe.weight_averaging import WeightAveraging
from tests import small_run
from tests.variants import classes, minimal

ROOT = Path(__file__).parent.parent
README, CHINESE, SPEC, TRAINING, SHIPPED_SPECS, COMMAND_LINE = (
    (ROOT / name).read_text(encoding="utf-8")
    for name in (
        "README.md",
        "README.zh.md",
        "docs/spec.md",
        "docs/training.md",
        "docs/shipped_specs.md",
        "docs/command_line.md",
    )
)
PAGES = [*ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]


def section(page: str, title: str) -> str:
    """Return the section of a page with a title, which must exist, up to the next one."""
    _, heading, rest = page.partition(f"\n## {title}\n")
    assert heading
    return rest.partition("\n## ")[0]


def yaml_example(text: str) -> dict:
    """Return the first YAML example in a text."""
    return yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])


def test_recorded_outputs_are_the_current_outputs():
    record = subprocess.run(
        [sys.executable, "docs/record.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert (record.returncode, record.stdout, record.stderr) == (0, "", "")
    assert len(re.findall("^[$] archbuild", README, re.MULTILINE)) == 2


def test_changed_outputs_are_reported_and_updated(tmp_path):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    for name in ("README.md", "README.zh.md"):
        (tmp_path / name).write_text("```console\n$ echo new\nold\n```\n", encoding="utf-8")
    record = [sys.executable, tmp_path / "docs/record.py"]
    assert subprocess.run([*record, "--check"], capture_output=True).returncode == 1
    assert "old" in (tmp_path / "README.zh.md").read_text(encoding="utf-8")
    assert subprocess.run(record, capture_output=True).returncode == 0
    for name in ("README.md", "README.zh.md"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text == "```console\n$ echo new\nnew\n```\n"


def test_the_chinese_readme_has_the_same_code_and_links():
    for pattern in (r"^```\w+\n.*?^```$", r"\]\(((?!README)[^)]*)\)"):
        english, chinese = (
            re.findall(pattern, page, re.MULTILINE | re.DOTALL) for page in (README, CHINESE)
        )
        assert english
        assert english == chinese
    assert len(re.findall("^## ", README, re.M)) == len(re.findall("^## ", CHINESE, re.M))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page):
    for link in re.findall(r"\]\(([^)]*)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        text = (page.parent / name).read_text(encoding="utf-8")
        titles = re.findall("^#+ (.*)$", text, re.MULTILINE)
        assert not anchor or anchor in {title.lower().replace(" ", "-") for title in titles}


def test_every_page_is_linked_from_the_readme():
    for page in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in README


def test_parameter_counts_match_the_shipped_specs():
    for path in sorted(shipped_specs().glob("*.yaml")):
        assert f"`{path.stem}`" in SHIPPED_SPECS
        assert f"{load(path).parameter_counter().total():,}" in SHIPPED_SPECS


@pytest.mark.slow
def test_the_commands_for_a_new_model_work_in_order(tmp_path):
    commands = re.findall(
        r"^(.*archbuild .*)$",
        section(README, "A model of your own").partition("```bash\n")[2].partition("```")[0],
        re.MULTILINE,
    )
    assert len(commands) == 6
    short = " --set training.steps=2 --set training.evaluate_every=2"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in commands:
        process = subprocess.run(
            command + short * command.startswith("archbuild train"),
            shell=True,
            cwd=tmp_path,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
        )
        assert process.returncode == 0, (command, process.stderr)
    assert (tmp_path / "my_bert.saved" / "saved_model.pb").is_file()


def test_the_error_message_in_the_documentation_is_printed(tmp_path):
    archbuild = [sys.executable, "-c", "from archbuilder.cli import main; main()"]
    subprocess.run([*archbuild, "new", "my_bert"], cwd=tmp_path, check=True, capture_output=True)
    spec = tmp_path / "my_bert.yaml"
    spec.write_text(spec.read_text().replace("num_heads", "num_heds", 1))
    process = subprocess.run(
        [*archbuild, "validate", "my_bert.yaml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert process.stderr.strip() in SPEC


def test_every_corpus_and_tokenizer_type_is_in_a_table():
    data = section(SPEC, "Data")
    for union in (Corpus, Tokenizer):
        for variant in classes(union):
            assert f"`{minimal(variant)['type']}`" in data


def test_every_type_of_training_settings_is_in_a_table():
    training, devices = section(SPEC, "Training"), section(TRAINING, "Backends and devices")
    for union in (Optimizer, Schedule, WeightAveraging):
        for variant in classes(union):
            assert f"`{minimal(variant)['type']}`" in training
    for variant in classes(Distribution):
        assert f"`{{type: {minimal(variant)['type']}" in devices


def test_every_objective_is_in_a_table():
    objectives = section(SPEC, "Objectives")
    types = [minimal(variant)["type"] for variant in classes(AnyObjective)]
    for name in types:
        assert f"| `{name}` |" in objectives


def test_the_objectives_example_is_valid(tmp_path):
    example = yaml_example(section(SPEC, "Objectives"))
    experiment = load(small_run.write(small_run.bert(tmp_path) | example, tmp_path / "spec.yaml"))
    assert experiment.objectives.keys() == example["objectives"].keys()


def test_the_data_example_is_valid():
    example = yaml_example(section(SPEC, "Data"))["data"]
    assert Data.model_validate(example).train.type == example["train"]["type"]


def test_the_trackers_example_has_every_tracker():
    training = yaml_example(section(TRAINING, "Trackers"))["training"]
    required = {"steps": 1, "batch": {"tokens": 1}, "optimizer": {"type": "adam"}}
    recipe = Training.model_validate(training | required | {"learning_rate": 1e-4})
    assert [type(tracker) for tracker in recipe.trackers] == classes(Tracker)


def test_every_command_is_in_a_table():
    commands = re.findall(r"^\| `([a-z]+)` \|", COMMAND_LINE, re.MULTILINE)
    assert commands == [
        command.name or command.callback.__name__ for command in app.registered_commands
    ]
