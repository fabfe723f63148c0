"""Properties of every variant of every union of the spec language."""

import json

import keras
import numpy as np
import pytest
import yaml

from archbuilder.batches.training_data import load_training_data
from archbuilder.experiment import Experiment, load
from archbuilder.language import SpecError, json_schema
from archbuilder.objectives import loss_terms, loss_weights
from archbuilder.objectives.causal_lm import CausalLM
from archbuilder.text.prepare import ProgressListener
from tests import small_run
from tests.variants import NETWORK, OTHER, case_id, minimal, table, with_variant

pytestmark = pytest.mark.slow

CASES = table(NETWORK | OTHER)
LISTS = {"training.trackers"}
SCHEMA = json.dumps(json_schema(Experiment))


def spec_with(path, variant, folder):
    """Return a valid spec that has a variant at `path`."""
    for name in ("text.txt", "source.txt", "target.txt"):
        (folder / name).write_text("some text\n")
    if path in NETWORK:
        return with_variant(path, variant, decoder=False)
    settings = minimal(variant)
    examples = getattr(variant, "examples", None)
    parallel = "source" in settings or "source" in getattr(examples, "needs", ())
    create_spec = small_run.bert
    if variant is CausalLM:
        return small_run.gpt(folder)
    if parallel:
        create_spec = small_run.transformer
    elif examples and "decoder_" in examples.sides:
        create_spec = small_run.denoiser
    spec = create_spec(folder)
    if path == "objectives":
        if not variant.needs_pooled_output:
            spec["model"].pop("pooler", None)
        spec["objectives"] = {settings.pop("type"): settings}
        return spec
    *parents, last = path.split(".")
    section = spec
    for key in parents:
        section = section[key]
    section[last] = [settings] if path in LISTS else settings
    if path == "training.distribution":
        section["backend"] = variant.backend
    return spec


every_variant = pytest.mark.parametrize("case", CASES, ids=case_id)


@every_variant
def test_a_variant_survives_a_round_trip_through_yaml(case, tmp_path):
    path = small_run.write(spec_with(*case, tmp_path), tmp_path / "spec.yaml")
    experiment = load(path)
    resolved = experiment.model_dump(mode="json", exclude_none=True)
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(resolved))
    assert load(tmp_path / "again.yaml") == experiment


@every_variant
def test_a_misspelled_field_is_one_error_at_its_line(case, tmp_path):
    spec = spec_with(*case, tmp_path)
    variant = case[1]
    *parents, last = case[0].split(".")
    section = spec
    for key in parents:
        section = section[key]
    settings = section[last]
    if case[0] == "objectives":
        (settings,) = settings.values()
    elif case[0] in LISTS:
        (settings,) = settings
    settings["no_such_field"] = 1
    file = small_run.write(spec, tmp_path / "spec.yaml")
    line = 1 + file.read_text().splitlines().index(
        next(text for text in file.read_text().splitlines() if "no_such_field" in text)
    )
    with pytest.raises(SpecError) as caught:
        load(file)
    (message,) = caught.value.lines
    assert message.startswith(f"{file}:{line}:")
    assert "no_such_field: unknown field" in message
    assert variant.__name__ not in message


@every_variant
def test_the_schema_describes_a_variant_and_its_fields(case):
    _, variant = case
    definition = json.loads(SCHEMA)["$defs"][variant.__name__]
    assert definition["description"]
    assert set(definition["properties"]) == set(variant.model_fields)


@pytest.mark.parametrize("case", table({"objectives": OTHER["objectives"]}), ids=case_id)
def test_every_objective_trains_alone(case, tmp_path):
    spec = spec_with(*case, tmp_path)
    spec["training"]["steps"] = 2
    experiment = load(small_run.write(spec, tmp_path / "spec.yaml"))
    metrics = experiment.train(tmp_path / "run")
    weights = loss_weights(experiment.objectives, 2, 2)
    losses = [weight * metrics[f"{name}_loss"] for name, weight in weights.items()]
    assert metrics["loss"] == pytest.approx(sum(losses))


@pytest.mark.parametrize("case", table({"objectives": OTHER["objectives"]}), ids=case_id)
def test_every_objective_can_be_packed_or_reports_why_not(case, tmp_path):
    spec = spec_with(*case, tmp_path)
    spec["training"]["steps"] = 1
    spec["training"]["batch"] = {"examples": 4, "packing": True}
    path = small_run.write(spec, tmp_path / "spec.yaml")
    if case[1].needs_pooled_output:
        with pytest.raises(SpecError, match="reads one pooled output per row"):
            load(path)
    else:
        assert load(path).train(tmp_path / "run")["step"] == 1


@pytest.mark.parametrize("case", table({"objectives": OTHER["objectives"]}), ids=case_id)
def test_batches_of_every_objective_depend_only_on_seed_and_index(case, tmp_path):
    experiment = load(small_run.write(spec_with(*case, tmp_path), tmp_path / "spec.yaml"))
    first, second = (load_training_data(experiment, ProgressListener()).train for _ in range(2))
    inputs = {tensor.name for tensor in experiment.model_graph().training_graph().inputs}
    terms = set(loss_terms(experiment.objectives))
    for number in (len(first) + 1, 0):
        batch, again = first[number], second[number]
        assert batch.inputs.keys() == again.inputs.keys() == inputs
        assert batch.targets.keys() == again.targets.keys() == terms
        assert not batch.columns
        for target in batch.targets.values():
            assert target.ids.shape == target.weights.shape
            assert target.weights.dtype == "float32"
        keras.tree.map_structure(np.testing.assert_array_equal, batch, again)


@pytest.mark.parametrize("case", table({"tokenizer": OTHER["tokenizer"]}), ids=case_id)
def test_every_tokenizer_works_with_documents_and_with_pairs(case, tmp_path):
    for create_spec in (small_run.bert, small_run.transformer):
        folder = tmp_path / create_spec.__name__
        folder.mkdir()
        spec = create_spec(folder, steps=1)
        spec["tokenizer"] = minimal(case[1])
        spec["model"]["vocabulary_size"] = 400
        metrics = load(small_run.write(spec, folder / "spec.yaml")).train(folder / "run")
        assert metrics["step"] == 1
