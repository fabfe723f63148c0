"""A declarative architecture builder for Keras: a YAML spec becomes a trained, exported model."""

from archbuilder.errors import UserError

__all__ = ["UserError", "load"]
__version__ = "0.1.0"


def load(path, overrides=()):
    """The frozen `Experiment` in a YAML file; `overrides` are as after `--set` ("a.b=4").

    `.build()` gives its `keras.Model`, `.train(run)` trains it. Raises `UserError` with every
    mistake in `.lines`, each `file:line:column: path: sentence`.
    """
    from archbuilder import experiment

    return experiment.load(path, overrides)
