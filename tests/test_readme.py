"""What the README says can be done, and counts, is so."""

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


def test_parameter_counts_are_those_of_the_specs():
    for path in sorted(shipped_specs().glob("*.yaml")):
        assert f"`{path.stem}`" in README
        assert f"{load(path).parameter_counter().total():,}" in README


@pytest.mark.slow
def test_the_commands_of_a_model_of_ones_own_work_in_order(tmp_path):
    section = README.partition("## A model of your own")[2].partition("## ")[0]
    commands = re.findall(r"^    (.*archbuild .*)$", section, re.MULTILINE)
    assert len(commands) == 6
    short = " --set training.steps=2 --set training.evaluate_every=2"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in commands:
        done = subprocess.run(
            command + short * command.startswith("archbuild train"),
            shell=True,
            cwd=tmp_path,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (command, done.stderr)
    assert (tmp_path / "my_bert.saved" / "saved_model.pb").is_file()


def test_the_mistake_it_shows_is_the_one_that_is_printed(tmp_path):
    archbuild = [sys.executable, "-c", "from archbuilder.cli import main; main()"]
    subprocess.run([*archbuild, "new", "my_bert"], cwd=tmp_path, check=True, capture_output=True)
    spec = tmp_path / "my_bert.yaml"
    spec.write_text(spec.read_text().replace("num_heads", "num_heds", 1))
    done = subprocess.run(
        [*archbuild, "validate", "my_bert.yaml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stderr.strip() in README


def test_every_kind_of_text_and_tokenizer_is_in_its_table():
    section = README.partition("## Text")[2].partition("## Training")[0]
    for union in (Corpus, Tokenizer):
        for variant in classes(union):
            assert f"`{minimal(variant)['type']}`" in section


def test_every_way_to_train_is_in_its_table():
    section = README.partition("## Training")[2].partition("## Saved models")[0]
    for union in (Optimizer, Schedule, WeightAveraging):
        for variant in classes(union):
            assert f"`{minimal(variant)['type']}`" in section
    for variant in classes(Distribution):
        assert f"`{{type: {minimal(variant)['type']}" in section


def test_every_objective_is_in_its_table():
    section = README.partition("## Objectives")[2].partition("## Training")[0]
    types = [minimal(variant)["type"] for variant in classes(AnyObjective)]
    for kind in types:
        assert f"| `{kind}` |" in section


def test_the_objectives_it_shows_can_be_written(tmp_path):
    section = README.partition("## Objectives")[2].partition("## Training")[0]
    shown = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
    experiment = load(small_run.write(small_run.bert(tmp_path) | shown, tmp_path / "spec.yaml"))
    assert experiment.objectives.keys() == shown["objectives"].keys()


def test_the_text_it_shows_can_be_written():
    section = README.partition("## Text")[2].partition("## Training")[0]
    data = section.partition("```yaml\n")[2].partition("```")[0]
    shown = yaml.safe_load(data)["data"]
    assert Data.model_validate(shown).train.type == shown["train"]["type"]


def test_the_trackers_it_shows_are_all_there_are():
    section = README.partition("## Training")[2].partition("## ")[0]
    training = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])["training"]
    needed = {"steps": 1, "batch": {"tokens": 1}, "optimizer": {"type": "adam"}}
    found = Training.model_validate(training | needed | {"learning_rate": 1e-4})
    assert [type(one) for one in found.trackers] == classes(Tracker)
