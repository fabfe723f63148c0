"""Shipped architectures with small widths that train in seconds."""

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
    """Return a shipped spec with small sizes, which trains on text in `folder`."""
    settings = read(path).to_python()
    model, objectives = _small(settings["model"]), _small(settings["objectives"])
    small_spec = _training_spec(model, objectives)(folder, **training)
    return Experiment.model_validate(small_spec | {"model": model, "objectives": objectives})


def _training_spec(model, objectives):
    """Return the function that creates a spec with suitable text and tokenizer."""
    if not model.get("encoder"):
        return small_run.gpt
    if not model.get("decoder"):
        return small_run.bert
    return small_run.transformer if "sequence_to_sequence" in objectives else small_run.denoiser


def _small(settings):
    if isinstance(settings, list):
        return [_small(item) for item in settings]
    if not isinstance(settings, dict):
        return settings
    return {
        name: SMALL[name] if name in SMALL else _small(value) for name, value in settings.items()
    }
