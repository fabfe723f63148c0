"""The engines, which run training steps with TensorFlow or JAX on one or several devices."""

from archbuilder.training.engines.engine import Devices
from archbuilder.training.recipe.distribution import Mirrored, ProcessGroup
from archbuilder.training.recipe.recipe import Training


def open_devices(recipe: Training, processes: ProcessGroup | None = None) -> Devices:
    """Initialize and return the devices of a recipe.

    Args:
        recipe: The training recipe.
        processes: The processes that train together. Default: this process alone.

    Raises:
        UserError: The machine lacks the devices, or Keras runs on another backend.
    """
    if recipe.backend == "jax":
        from archbuilder.training.engines.jax_devices import JaxDevices

        assert not isinstance(recipe.distribution, Mirrored)  # See `Training.problems`.
        return JaxDevices(recipe.distribution, processes)
    from archbuilder.training.engines.tensorflow_engine import TensorFlowDevices

    return TensorFlowDevices(recipe.distribution)
