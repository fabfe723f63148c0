"""Tests of the rows that map a `config.json` to a spec, in both directions."""

import pytest

from archbuilder.errors import UserError
from archbuilder.exchange.heads import heads_of
from archbuilder.experiment import load
from archbuilder.pretrained.hugging_face import ARCHITECTURES, similar_architectures
from archbuilder.pretrained.hugging_face.config import Config
from archbuilder.pretrained.hugging_face.fields import (
    ACTIVATION,
    Constant,
    Derived,
    Equal,
    Field,
    Unused,
)
from archbuilder.shipped import shipped_specs

PUBLISHED = {
    "bert": "bert_base",
    "roberta": "roberta_base",
    "distilbert": "distilbert_base",
    "electra": "electra_small",
    "albert": "albert_base_v2",
    "modernbert": "modernbert_base",
    "t5": "t5_small",
    "bart": "bart_base",
    "marian": "marian",
    "gpt2": "gpt2",
    "llama": "llama_like",
}


def config(**fields):
    return Config(fields, lambda layer: True)


def read(row, **fields):
    spec = {}
    row.read(config(**fields), spec)
    return spec


def write(row, model):
    fields = {}
    row.write(model, fields)
    return fields


def test_a_field_sets_every_path_and_is_written_from_the_first():
    row = Field("eps", ("a.norm", "b"), 0.1)
    assert read(row, eps=0.5) == {"a": {"norm": 0.5}, "b": 0.5}
    assert read(row) == read(row, eps=None) == {"a": {"norm": 0.1}, "b": 0.1}
    assert write(row, {"a": {"norm": 0.5}, "b": 7}) == {"eps": 0.5}


def test_a_default_may_depend_on_another_field():
    row = Field("inner", "inner", lambda config: 4 * config.get("dim"))
    assert read(row, dim=8) == {"inner": 32}


def test_a_missing_setting_is_written_as_its_default_or_raises():
    assert write(Field("n", "a.n", absent=None), {"a": None}) == {"n": None}
    with pytest.raises(LookupError):
        write(Field("n", "a.n"), {"a": {}})


def test_names_of_activations_are_converted_in_both_directions():
    row = Field("act", "activation", "gelu", ACTIVATION)
    assert read(row, act="gelu_new") == {"activation": "gelu_tanh"}
    assert write(row, {"activation": "gelu_tanh"}) == {"act": "gelu_new"}
    with pytest.raises(UserError, match="unsupported value act='mish'"):
        read(row, act="mish")


def test_constant_equal_unused_and_derived_rows():
    with pytest.raises(UserError, match="unsupported value tied=False"):
        read(Constant("tied", True), tied=False)
    assert write(Constant("tied", True), {}) == {"tied": True}
    with pytest.raises(UserError, match="unsupported value other=2"):
        read(Equal("other", "size"), other=2, size=3)
    assert read(Unused("limit", 9), limit=3) == {}
    assert write(Unused("limit", 9), {}) == {"limit": 9}
    assert write(Unused("limit"), {}) == {}
    row = Derived("bias", lambda config, spec: config.has_weights("bias"))
    assert read(row) == {"bias": True}
    assert write(row, {}) == {}


@pytest.mark.parametrize(
    "architecture", ARCHITECTURES, ids=lambda architecture: architecture.model_type
)
def test_written_fields_are_unchanged_after_reading(architecture):
    experiment = load(shipped_specs() / f"{PUBLISHED[architecture.model_type]}.yaml")
    assert architecture in similar_architectures(experiment.model)
    objectives = heads_of(experiment).items()
    heads = {head: objective.model_dump(mode="json") for head, objective in objectives}
    fields = architecture.write(experiment.model, heads)
    model, read_heads = architecture.read(Config(fields, lambda layer: True))
    imported = type(experiment.model).model_validate(model)
    assert heads.keys() <= read_heads.keys()
    assert architecture.write(imported, {head: heads[head] for head in heads}) == fields


@pytest.mark.parametrize(
    "architecture", ARCHITECTURES, ids=lambda architecture: architecture.model_type
)
def test_every_field_has_one_row(architecture):
    names = [row.name for row in architecture.fields if hasattr(row, "name")]
    assert len(names) == len(set(names))
