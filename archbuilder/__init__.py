"""A declarative architecture builder for Keras: a YAML spec becomes a trained, exported model."""

from typing import TYPE_CHECKING

from archbuilder.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from archbuilder.experiment import Experiment

__all__ = ["UserError", "load"]
__version__ = "0.1.0"


def load(path: "Path | str", overrides: "Sequence[str]" = ()) -> "Experiment":
    """Return the experiment in a YAML file, frozen.

    Args:
        path: The YAML file.
        overrides: Changes as after `--set`, such as "training.steps=4".

    Returns:
        The experiment. Its `build()` returns the `keras.Model`, its `train(run)` trains it.

    Raises:
        UserError: With every mistake in `.lines`, each `file:line:column: path: sentence`.
    """
    from archbuilder import experiment

    return experiment.load(path, overrides)
