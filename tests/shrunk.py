"""Shipped architectures at widths that train in seconds."""

from pathlib import Path

from archbuilder.experiment import Experiment
from archbuilder.language import read
from tests import small_run

SMALL = {
    "hidden_dim": 16,
    "intermediate_dim": 32,
    "num_layers": 2,
    "num_heads": 2,
    "num_key_value_heads": 1,
    "vocabulary_size": 100,
    "max_sequence_length": 64,
    "generator_size": 0.5,
}


def shrunk(path: Path, folder: Path, **training) -> Experiment:
    """The architecture of a shipped spec, small, with text in `folder` to train on."""
    plain = read(path).plain()
    model, objectives = _small(plain["model"]), _small(plain["objectives"])
    around = _around(model, objectives)(folder, **training)
    return Experiment.model_validate(around | {"model": model, "objectives": objectives})


def _around(model, objectives):
    """The small run whose text and tokenizer suit the objectives."""
    if not model.get("encoder"):
        return small_run.gpt
    if not model.get("decoder"):
        return small_run.bert
    return small_run.transformer if "sequence_to_sequence" in objectives else small_run.denoiser


def _small(part):
    if isinstance(part, list):
        return [_small(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {name: SMALL[name] if name in SMALL else _small(value) for name, value in part.items()}
