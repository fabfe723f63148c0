"""A declarative architecture builder for Keras: a YAML spec becomes a trained, exported model."""

from typing import TYPE_CHECKING

from archbuilder.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from archbuilder.experiment import Experiment
    from archbuilder.run import Run

__all__ = ["UserError", "load", "open_run"]
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


def open_run(path: "Path | str") -> "Run":
    """Return the run in a run folder, which predicts, evaluates and exports.

    Raises:
        UserError: It is not a run folder.
    """
    from archbuilder import run

    return run.Run(path)
