"""Export an experiment's model as a Hugging Face folder."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from archbuilder.errors import UserError
from archbuilder.exchange.heads import head_of, heads_of
from archbuilder.exchange.import_model import experiment_of
from archbuilder.experiment import Experiment
from archbuilder.pretrained.hugging_face import architecture_of, folder, similar_architectures
from archbuilder.pretrained.hugging_face.resolved import comparable_model
from archbuilder.pretrained.hugging_face.tokenizer_writer import tokenizer_files
from archbuilder.pretrained.hugging_face.weights import from_keras
from archbuilder.text.vocabulary import Vocabulary

_LAYER = re.compile(r"\.layer \d+")


def write_folder(
    path: Path,
    experiment: Experiment,
    weights: dict[str, np.ndarray],
    vocabularies: tuple[Vocabulary, Vocabulary] | None,
) -> str:
    """Write a model and its tokenizer.

    Args:
        path: The folder to create.
        experiment: The model's experiment.
        weights: The weights of the experiment's Keras model, by path.
        vocabularies: Those of source and target, or None if the model has none.

    Returns:
        A sentence about why no tokenizer was written, or "".

    Raises:
        UserError: No `config.json` expresses the model.
    """
    fields = config_of(experiment)
    model, architecture = experiment.model, architecture_of(fields["model_type"])
    vocabulary = vocabularies[0] if vocabularies else None
    fields |= architecture.special_token_fields(vocabulary, model.is_encoder_decoder)
    files, left_out = {}, "the model reads ids, and has no tokenizer"
    if vocabularies is not None:
        try:
            files, left_out = tokenizer_files(vocabularies, model), ""
        except UserError as error:  # The model is of use without it.
            left_out = f"written without a tokenizer: {error}"
    arrays = from_keras(architecture.weight_names_of(model), _by_head(weights, experiment))
    if vocabulary is not None:
        architecture.fit_to_vocabulary(fields, arrays, vocabulary)
    folder.write_folder(path, fields, arrays)
    for name, content in files.items():
        (path / name).write_bytes(content)
    return left_out


def config_of(experiment: Experiment) -> dict[str, Any]:
    """Return the fields of a `config.json` that describes an experiment's model.

    Raises:
        UserError: The fields, read again, differ from the model for every architecture.
    """
    heads = heads_of(experiment)
    settings = {head: objective.model_dump(mode="json") for head, objective in heads.items()}
    closest: tuple[list[str], str] | None = None
    for architecture in similar_architectures(experiment.model):
        fields = architecture.write(experiment.model, settings)
        if fields is None:
            continue
        try:
            lacks = list(inexpressible_fields(fields, experiment))
        except UserError:  # The fields describe no valid model.
            continue
        if "architectures" not in fields:
            lacks.append(f"objectives: {', '.join(heads)} together")
        if not lacks:
            return fields
        if closest is None or len(lacks) < len(closest[0]):
            closest = lacks, architecture.model_type
    if closest is None:
        raise UserError("no architecture of Hugging Face's is like this model")
    lacks, model_type = closest
    raise UserError(
        f"closest to this model is {model_type} of Hugging Face's, whose configuration "
        f"cannot say {'; '.join(lacks[:3])}"
    )


def inexpressible_fields(fields: dict[str, Any], experiment: Experiment) -> Iterator[str]:
    """Yield the settings of an experiment's model that a `config.json` does not express."""
    heads = heads_of(experiment)
    layers = {*heads, *experiment.parameter_counter().weights}
    again = experiment_of(fields, "found", lambda layer: layer in layers)
    models = comparable_model(again.model), comparable_model(experiment.model)
    yield from dict.fromkeys(_differences(*models, "model"))
    for name, head in heads_of(again).items():
        for field in ("activation", "norm", "transform_bias"):
            expected = getattr(heads[name], field, None)
            if expected != getattr(head, field, None):
                yield f"objectives.{name}.{field}: {_format(expected)}"


def _by_head(weights: dict[str, np.ndarray], experiment: Experiment) -> dict[str, np.ndarray]:
    """Return the weights with each objective's layers under the name of its head."""
    renamed = {}
    for path, array in weights.items():
        layer, slash, weight = path.partition("/")
        first, dot, rest = layer.partition(".")
        objective = experiment.objectives.get(first)
        head = first if objective is None else head_of(objective)
        renamed[f"{head}{dot}{rest}{slash}{weight}"] = array
    return renamed


def _differences(written: Any, expected: Any, path: str) -> Iterator[str]:
    if isinstance(written, dict) and isinstance(expected, dict):
        for key in {**expected, **written}:
            yield from _differences(written.get(key), expected.get(key), f"{path}.{key}")
    elif written != expected:
        yield f"{_LAYER.sub('', path)}: {_format(expected)}"


def _format(value: Any) -> str:
    """Return a setting as it is written in a spec."""
    if isinstance(value, dict):
        return str(value.get("type", value))
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else f"{value}"
