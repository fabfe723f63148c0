"""Load the best weights of a run into its network, in float32 whatever it was trained in."""

from typing import TYPE_CHECKING, Protocol

from archbuilder.errors import UserError
from archbuilder.graph import ModelGraph
from archbuilder.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import keras


class BuildsGraph(Protocol):
    """Builds the network that a run has trained, as an `Experiment` does."""

    def network(self) -> ModelGraph:
        """Return a new network."""
        ...


def load_graph(experiment: BuildsGraph, run: RunFolder) -> ModelGraph:
    """Return the network of an experiment with the weights of a run's model.

    Raises:
        UserError: The model is missing, cannot be read, or is another experiment's.
    """
    import keras

    saved, policy = _saved(run), keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        graph = experiment.model_graph()
    finally:
        keras.config.set_dtype_policy(policy)
    try:
        graph.model.set_weights(saved.get_weights())
    except ValueError as error:
        raise UserError(f"{run.model}: is not the model that {run.spec} describes") from error
    return graph


def _saved(run: RunFolder) -> "keras.Model":
    try:
        return run.load_model()
    except UserError:
        raise
    except Exception as error:  # Keras raises plain exceptions.
        reason = str(error).strip().partition("\n")[0]
        raise UserError(f"{run.model}: cannot be read ({reason})") from error
