"""Specs of version 1 of the language are reported with the new names, and rewritten by `--fix`."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from archbuilder.errors import UserError
from archbuilder.experiment import Experiment, fix_names, load
from archbuilder.language import Spec, SpecError, read, validate_tree
from archbuilder.language.version_1 import RENAMED_FIELDS, RENAMED_TYPES
from archbuilder.shipped import shipped_specs

VERSION_1 = Path(__file__).with_name("version_1")
EVERY_NAME = VERSION_1 / "every_renamed_name.yaml"
SHIPPED = sorted(path.name for path in shipped_specs().glob("*.yaml"))


def spec_classes(cls: type[Spec] = Spec) -> Iterator[type[Spec]]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from spec_classes(subclass)


@pytest.fixture
def specs(tmp_path):
    return Path(shutil.copytree(VERSION_1, tmp_path / "specs"))


def problems(path, *overrides):
    with pytest.raises(SpecError) as error:
        validate_tree(read(path, overrides), Experiment)
    return error.value


def fix_all(path):
    return [(edit.line, edit.old, edit.new) for edit in fix_names(path)]


def write(folder, training, name="spec.yaml"):
    path = folder / name
    path.write_bytes(f"extends: quickstart.yaml\nname: a\ntraining:\n{training}".encode())
    return path


@pytest.mark.parametrize("owner", RENAMED_FIELDS)
def test_renamed_fields_are_those_of_a_class(owner):
    (cls,) = {
        cls for cls in spec_classes() if cls.__name__ == owner and "toy" not in cls.__module__
    }
    for old, new in RENAMED_FIELDS[owner].items():
        assert new in cls.model_fields
        assert old not in cls.model_fields


@pytest.mark.parametrize("owner", RENAMED_TYPES)
def test_renamed_types_are_those_of_a_class(owner):
    (cls,) = {cls for cls in spec_classes() if cls.__name__ == owner}
    for old, new in RENAMED_TYPES[owner].items():
        assert new in str(cls.model_fields["type"].annotation)
        assert old not in str(cls.model_fields["type"].annotation)


def test_every_renamed_name_is_in_the_spec_that_is_fixed(specs):
    edits = {
        (edit.old, edit.new) for path in specs.glob("every_*.yaml") for edit in fix_names(path)
    }
    tables = [*RENAMED_FIELDS.values(), *RENAMED_TYPES.values()]
    assert edits == {(old, new) for table in tables for old, new in table.items()}


def test_fixed_spec_has_the_values_of_the_old_one(specs):
    path = specs / EVERY_NAME.name
    fix_names(path)
    training = load(path).training
    assert training.monitor == "masked_lm_accuracy"
    assert training.backend == "jax"
    assert training.batch.gradient_accumulation_steps == 2
    assert training.weight_averaging.model_dump() == {"type": "ema", "momentum": 0.8}
    assert training.optimizer.epsilon_1 == 1e-20
    assert training.optimizer.epsilon_2 == 1e-2
    assert "  backend: jax       # the backend\n" in path.read_text()


def test_renamed_field_is_reported_at_its_line_with_its_new_name(specs):
    path = write(specs, "  engine: jax\n  average: {type: exponential}\n")
    assert problems(path).lines == [
        f"{path}:4:3: training.engine: renamed to 'backend'",
        f"{path}:5:3: training.average: renamed to 'weight_averaging'",
    ]


def test_renamed_type_is_reported_at_its_value(specs):
    path = write(specs, "  weight_averaging: {type: exponential}\n")
    (line,) = problems(path).lines
    assert line == f"{path}:4:28: training.weight_averaging.type: renamed to 'ema'"


def test_option_is_reported_and_not_rewritten(specs):
    error = problems(specs / "quickstart.yaml", "training.engine=jax")
    assert error.lines == ["--set training.engine=jax: training.engine: renamed to 'backend'"]
    assert error.edits == ()


def test_field_with_both_names_is_not_rewritten(specs):
    path = write(specs, "  engine: jax\n  backend: jax\n")
    before = path.read_bytes()
    assert fix_all(path) == []
    assert path.read_bytes() == before
    (line,) = problems(path).lines
    assert line.endswith(
        "engine: renamed to 'backend', which is also set here; remove one of the two"
    )


def test_fields_below_a_renamed_field_are_fixed_too(specs):
    path = write(specs, "  average: {type: exponential, decay: 0.9}\n")
    assert fix_all(path) == [
        (4, "average", "weight_averaging"),
        (4, "exponential", "ema"),
        (4, "decay", "momentum"),
    ]
    assert load(path).training.weight_averaging.momentum == 0.9


def test_quotes_line_breaks_and_byte_order_mark_are_unchanged(specs):
    path = specs / "windows.yaml"
    text = (
        "\ufeffextends: quickstart.yaml\r\nname: a\r\ntraining: {'engine': jax, \"samples\": 0}\r\n"
    )
    path.write_bytes(text.encode())
    fix_names(path)
    new = text.replace("engine", "backend").replace("samples", "show_predictions")
    assert path.read_bytes() == new.encode()


def test_field_behind_an_anchor_is_rewritten_once(specs):
    path = write(
        specs,
        "  parameter_groups:\n  - &a {layers: encoder.*, learning_rate_scale: 0.5}\n  - *a\n",
    )
    assert fix_all(path) == [(5, "learning_rate_scale", "learning_rate_multiplier")]


def test_extended_spec_is_fixed(specs):
    write(specs, "  engine: jax\n", "parent.yaml")
    child = specs / "child.yaml"
    child.write_text("extends: parent.yaml\nname: child\n")
    assert fix_all(child) == [(4, "engine", "backend")]
    assert load(specs / "parent.yaml").training.backend == "jax"


def test_other_problems_are_unchanged_and_reported(specs):
    path = write(specs, "  engine: jax\n  step: 3\n")
    assert fix_all(path) == [(4, "engine", "backend")]
    (line,) = problems(path).lines
    assert "training.step: unknown field; did you mean 'steps'?" in line


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_specs_of_version_1_are_rewritten_to_version_2(name, specs):
    fix_names(specs / name)
    fixed = load(specs / name).model_dump_json().replace(str(specs), str(shipped_specs()))
    assert fixed == load(shipped_specs() / name).model_dump_json()


@pytest.mark.parametrize("name", SHIPPED)
def test_spec_of_version_2_is_unchanged(name, tmp_path):
    folder = Path(shutil.copytree(shipped_specs(), tmp_path / "specs"))
    assert fix_all(folder / name) == []
    assert (folder / name).read_bytes() == (shipped_specs() / name).read_bytes()


def test_file_that_cannot_be_written_is_named(specs, monkeypatch):
    def full_disk(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("archbuilder.language.fix.write_atomic", full_disk)
    write(specs, "  engine: jax\n", "parent.yaml")
    child = specs / "child.yaml"
    child.write_text("extends: parent.yaml\nname: child\n")
    with pytest.raises(UserError, match=r"parent\.yaml: cannot be written: No space left"):
        fix_all(child)
