"""Loading of a run's best weights in float32, independent of the precision in training."""

from typing import TYPE_CHECKING, Protocol

from archbuilder.errors import UserError
from archbuilder.graph import ModelGraph
from archbuilder.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import keras


class BuildsGraph(Protocol):
    """The interface of experiments that build the model of a run."""

    def model_graph(self) -> ModelGraph:
        """Return a new model with its objectives."""
        ...


def load_graph(experiment: BuildsGraph, run: RunFolder) -> ModelGraph:
    """Return the model of an experiment with the weights of a run.

    Args:
        experiment: The experiment of the run.
        run: The run folder with the saved model.

    Raises:
        UserError: The saved model is missing, cannot be read, or belongs to another experiment.
    """
    import keras

    saved, policy = _load_saved(run), keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        graph = experiment.model_graph()
    finally:
        keras.config.set_dtype_policy(policy)
    try:
        graph.model.set_weights(saved.get_weights())
    except ValueError as error:
        raise UserError(f"{run.model}: does not match the model in {run.spec}") from error
    return graph


def _load_saved(run: RunFolder) -> "keras.Model":
    try:
        return run.load_model()
    except UserError:
        raise
    except Exception as error:  # Keras raises plain exceptions.
        reason = str(error).strip().partition("\n")[0]
        raise UserError(f"{run.model}: cannot be read: {reason}") from error
