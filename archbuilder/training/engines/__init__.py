"""The engines, TensorFlow and JAX: they compute training steps on one device or on several."""

from archbuilder.training.engines.engine import Devices
from archbuilder.training.recipe.distribution import Mirrored, ProcessGroup
from archbuilder.training.recipe.recipe import Training


def open_devices(recipe: Training, processes: ProcessGroup | None = None) -> Devices:
    """Return the devices of a recipe, set up; `processes` where several train together.

    Raise `UserError` if this machine, or the backend that Keras has loaded, does not have them.
    """
    if recipe.backend == "jax":
        from archbuilder.training.engines.on_jax import JaxDevices

        assert not isinstance(recipe.distribution, Mirrored)  # See `Training.problems`.
        return JaxDevices(recipe.distribution, processes)
    from archbuilder.training.engines.on_tensorflow import TensorFlowDevices

    return TensorFlowDevices(recipe.distribution)
