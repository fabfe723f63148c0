"""Spec classes validate strictly, whether their values come from YAML or from Python."""

import os
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from archbuilder.language import FilePath, SettingsByName, Spec, SpecError, read, validate_tree
from archbuilder.language.partial import merge_settings
from tests.language.toy import Classification, MaskedLM, MultiHead


class Numbers(Spec):
    """Fields of several types."""

    integer: int = 0
    number: float = 0.0
    lists: tuple[tuple[int, ...], ...] = ()
    mapping: dict[str, tuple[int, ...]] = {}  # noqa: RUF012 (pydantic copies it)


@pytest.mark.parametrize("value", [4.0, "4", True, [4]])
def test_other_types_than_integer_are_rejected(value):
    with pytest.raises(ValidationError):
        Numbers(integer=value)


def test_integer_is_accepted_as_a_number():
    assert Numbers(number=4).number == 4.0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, True, "1"])
def test_other_values_than_finite_numbers_are_rejected(value):
    with pytest.raises(ValidationError):
        Numbers(number=value)


def test_nested_lists_become_tuples():
    assert Numbers(lists=[[1, 2], []]).lists == ((1, 2), ())
    assert Numbers(mapping={"a": [1]}).mapping == {"a": (1,)}


def test_spec_is_immutable_and_has_no_unknown_fields():
    spec = Numbers(integer=1)
    with pytest.raises(ValidationError):
        spec.integer = 2
    with pytest.raises(ValidationError):
        Numbers(inteher=1)


def test_null_means_unset_except_for_an_unknown_field():
    assert Numbers(integer=None) == Numbers()
    with pytest.raises(ValidationError):
        Numbers(inteher=None)


class Files(Spec):
    """Paths of files."""

    file: FilePath | None = None
    more: tuple[FilePath, ...] = ()


def test_path_is_relative_to_the_file_in_which_it_is_written(here, monkeypatch):
    monkeypatch.setenv("CORPUS", "/corpora")
    monkeypatch.setenv("HOME", "/home/user")
    (here / "deep").mkdir()
    (here / "deep" / "base.yaml").write_text("file: a.txt\nmore: [../b, ~/c, '${CORPUS}/d', $e]")
    (here / "spec.yaml").write_text("extends: deep/base.yaml")
    spec = validate_tree(read("spec.yaml"), Files)
    root = os.path.realpath(here)
    assert os.path.realpath(spec.file) == f"{root}/deep/a.txt"
    assert [path.replace(str(here), root) for path in spec.more] == [
        f"{root}/b",
        "/home/user/c",
        "/corpora/d",
        f"{root}/deep/$e",
    ]
    option = validate_tree(read("spec.yaml", ["file=x.txt"]), Files)
    assert os.path.realpath(option.file) == f"{root}/x.txt"
    assert type(spec.file) is str


def test_path_in_python_is_relative_to_the_current_folder(here):
    assert Files(file="a").file == os.path.join(os.getcwd(), "a")


class TwoVariants(Spec):
    """A union of two variants."""

    objectives: Annotated[dict[str, MaskedLM | Classification], SettingsByName()]


class SingleVariant(Spec):
    """A union of one variant."""

    objectives: Annotated[dict[str, MaskedLM], SettingsByName()]


def test_name_is_the_default_type():
    spec = TwoVariants(
        objectives={
            "masked_lm": {},
            "second": {"type": "masked_lm", "mask_selection_rate": 0.5},
            "topic": {"type": "classification", "num_classes": 3},
            "removed": None,
        }
    )
    assert spec.objectives == {
        "masked_lm": MaskedLM(type="masked_lm"),
        "second": MaskedLM(type="masked_lm", mask_selection_rate=0.5),
        "topic": Classification(type="classification", num_classes=3),
    }
    assert TwoVariants(objectives=spec.objectives) == spec


def test_union_of_one_variant_has_the_same_messages(write):
    assert (
        SingleVariant(objectives={"masked_lm": {}}).objectives["masked_lm"].mask_selection_rate
        == 0.15
    )
    cases = {
        "{maskd_lm: {}}": "1:14: objectives.maskd_lm: unknown objective type 'maskd_lm'; "
        "did you mean 'masked_lm'?",
        "{topic: {}}": "1:14: objectives.topic: unknown objective type 'topic'; "
        "set its type to masked_lm",
        "{topic: {type: masked}}": "1:28: objectives.topic.type: must be masked_lm, not 'masked'; "
        "did you mean 'masked_lm'?",
        "{masked_lm: {mask_selection_rat: 1}}": "1:26: objectives.masked_lm.mask_selection_rat: "
        "unknown field; did you mean 'mask_selection_rate'?",
        "5": "1:13: objectives: must be a mapping, not the number 5",
        "{masked_lm: 5}": "1:25: objectives.masked_lm: must be a mapping, not the number 5",
    }
    for text, line in cases.items():
        write(spec=f"objectives: {text}")
        with pytest.raises(SpecError) as error:
            validate_tree(read("spec.yaml"), SingleVariant)
        assert error.value.lines == [f"spec.yaml:{line}"]


def test_dumped_spec_is_validated_as_the_same_spec():
    spec = MultiHead(type="multi_head", num_heads=4)
    assert MultiHead.model_validate(spec.model_dump()) == spec
    assert TypeAdapter(Any).validate_python(spec) is spec


def test_settings_are_merged_as_extends_merges():
    base = {"a": {"type": "x", "b": 1}, "c": [1, 2], "d": {"e": 1}}
    assert merge_settings(base, {"a": {"type": "y"}, "c": [3], "d": {"e": None}}) == {
        "a": {"type": "y"},
        "c": [3],
        "d": {"e": None},
    }
    assert merge_settings(base, {"a": {"b": 2}})["a"] == {"type": "x", "b": 2}
