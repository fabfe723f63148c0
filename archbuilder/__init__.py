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
    """Return the experiment in a YAML spec, as an immutable object.

    Args:
        path: Path of the YAML file.
        overrides: Values that replace those of the file, as after `--set`. Example:
            "training.steps=4".

    Returns:
        The experiment. Its `build()` returns the `keras.Model`; its `train(run)` trains it.

    Raises:
        UserError: The spec has mistakes. The attribute `lines` has one line for each, as
            `file:line:column: key: sentence`.
    """
    from archbuilder import experiment

    return experiment.load(path, overrides)


def open_run(path: "Path | str") -> "Run":
    """Return the run in a run folder, which can predict, evaluate and export.

    Args:
        path: Path of a run folder that training or an import created.

    Raises:
        UserError: The path is not a run folder.
    """
    from archbuilder import run

    return run.open_run(path)
