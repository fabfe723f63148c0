"""What computes the steps: TensorFlow or JAX, on one device or on several."""

from archbuilder.training.engines.engine import Devices


def open_devices(recipe, processes=None) -> Devices:
    """The devices that a recipe asks for, set up; `processes` where it runs in several.

    Raises `UserError` where this machine, or the Keras that is loaded, has no such thing.
    """
    if recipe.engine == "jax":
        from archbuilder.training.engines.on_jax import JaxDevices

        return JaxDevices(recipe.distribution, processes)
    from archbuilder.training.engines.on_tensorflow import TensorFlowDevices

    return TensorFlowDevices(recipe.distribution)
