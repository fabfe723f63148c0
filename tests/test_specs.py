"""Shipped specs: they are valid, and have the published numbers of parameters."""

import contextlib
import json
import random

import pytest
import yaml

from archbuilder.experiment import Experiment, load
from archbuilder.language import SpecError, json_schema, read, validate_tree
from archbuilder.shipped import shipped_specs
from tests.language.mutation import mutate

SPECS = sorted(shipped_specs().glob("*.yaml"))
PUBLISHED = {
    "bert_tiny": 4_433_468,
    "bert_mini": 11_267_900,
    "bert_small": 29_058_876,
    "bert_medium": 41_668_412,
    "bert_base": 110_106_428,
    "bert_large": 336_226_108,
    "roberta_base": 124_697_433,
    "distilbert_base": 66_985_530,
    "albert_base_v2": 11_221_680,
    "electra_small": 13_549_057,
    "modernbert_base": 149_655_232,
    "t5_small": 60_506_624,
    "t5_v1_1_small": 76_961_152,
    "bart_base": 139_420_416,
    "marian": 73_886_208,
    "gpt2": 124_439_808,
    "llama_like": 152_980_224,
}


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_shipped_spec_is_valid_and_named_after_its_file(path):
    assert load(path).name == path.stem


@pytest.mark.parametrize(("name", "count"), PUBLISHED.items())
def test_the_number_of_parameters_is_as_published(name, count):
    assert load(shipped_specs() / f"{name}.yaml").parameter_counter().total() == count


@pytest.mark.parametrize("name", ["bert_tiny", "quickstart", "translate_multi30k"])
def test_keras_and_the_parameter_counter_agree(name):
    experiment = load(shipped_specs() / f"{name}.yaml")
    assert experiment.build().count_params() == experiment.parameter_counter().total()


def test_bert_extends_the_transformer_without_a_decoder():
    text = (shipped_specs() / "bert_base.yaml").read_text(encoding="utf-8")
    assert "extends: transformer_base.yaml" in text
    assert "decoder: null" in text


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_saved_spec_is_the_same_experiment(path, tmp_path):
    experiment = load(path)
    copy = tmp_path / "spec.yaml"
    copy.write_text(yaml.safe_dump(experiment.model_dump(mode="json", exclude_none=True)))
    assert load(copy) == experiment


def test_the_schema_beside_the_specs_is_current():
    written = json.loads((shipped_specs() / "schema.json").read_text(encoding="utf-8"))
    assert written == json_schema(Experiment), "run: archbuild schema -o specs/schema.json"


def test_every_field_has_a_description_in_the_schema():
    definitions = json_schema(Experiment)["$defs"]
    without_description = [
        f"{name}.{field}"
        for name, definition in definitions.items()
        for field, schema in definition.get("properties", {}).items()
        if "description" not in schema and field != "type"
    ]
    assert without_description == []


@pytest.mark.slow
@pytest.mark.usefixtures("unrecorded")
def test_no_mutation_of_a_shipped_spec_gives_a_traceback(tmp_path):
    rng = random.Random(0)
    texts = [path.read_text(encoding="utf-8") for path in SPECS]
    for _ in range(2000):
        path = tmp_path / "mutated.yaml"
        path.write_bytes(mutate(rng.choice(texts), rng))
        with contextlib.suppress(SpecError):
            validate_tree(read(path), Experiment)
