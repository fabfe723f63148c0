"""The commands, examples, tables and numbers of the README are correct."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

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

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_parameter_counts_match_the_shipped_specs():
    for path in sorted(shipped_specs().glob("*.yaml")):
        assert f"`{path.stem}`" in README
        assert f"{load(path).parameter_counter().total():,}" in README


@pytest.mark.slow
def test_the_commands_for_a_new_model_work_in_order(tmp_path):
    section = README.partition("## A model of your own")[2].partition("## ")[0]
    commands = re.findall(r"^    (.*archbuild .*)$", section, re.MULTILINE)
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


def test_the_error_message_in_the_readme_is_printed(tmp_path):
    archbuild = [sys.executable, "-c", "from archbuilder.cli import main; main()"]
    subprocess.run([*archbuild, "new", "my_bert"], cwd=tmp_path, check=True, capture_output=True)
    spec = tmp_path / "my_bert.yaml"
    spec.write_text(spec.read_text().replace("num_heads", "num_heds", 1))
    process = subprocess.run(
        [*archbuild, "validate", "my_bert.yaml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert process.stderr.strip() in README


def test_every_corpus_and_tokenizer_type_is_in_a_table():
    section = README.partition("## Text")[2].partition("## Training")[0]
    for union in (Corpus, Tokenizer):
        for variant in classes(union):
            assert f"`{minimal(variant)['type']}`" in section


def test_every_type_of_training_settings_is_in_a_table():
    section = README.partition("## Training")[2].partition("## Saved models")[0]
    for union in (Optimizer, Schedule, WeightAveraging):
        for variant in classes(union):
            assert f"`{minimal(variant)['type']}`" in section
    for variant in classes(Distribution):
        assert f"`{{type: {minimal(variant)['type']}" in section


def test_every_objective_is_in_a_table():
    section = README.partition("## Objectives")[2].partition("## Training")[0]
    types = [minimal(variant)["type"] for variant in classes(AnyObjective)]
    for name in types:
        assert f"| `{name}` |" in section


def test_the_objectives_example_is_valid(tmp_path):
    section = README.partition("## Objectives")[2].partition("## Training")[0]
    example = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
    experiment = load(small_run.write(small_run.bert(tmp_path) | example, tmp_path / "spec.yaml"))
    assert experiment.objectives.keys() == example["objectives"].keys()


def test_the_data_example_is_valid():
    section = README.partition("## Text")[2].partition("## Training")[0]
    data = section.partition("```yaml\n")[2].partition("```")[0]
    example = yaml.safe_load(data)["data"]
    assert Data.model_validate(example).train.type == example["train"]["type"]


def test_the_trackers_example_has_every_tracker():
    section = README.partition("## Training")[2].partition("## ")[0]
    training = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])["training"]
    required = {"steps": 1, "batch": {"tokens": 1}, "optimizer": {"type": "adam"}}
    recipe = Training.model_validate(training | required | {"learning_rate": 1e-4})
    assert [type(tracker) for tracker in recipe.trackers] == classes(Tracker)
