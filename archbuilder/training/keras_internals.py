"""Access to private attributes of Keras; no other module of the package uses any.

tests/training/test_keras_internals.py checks that each exists and behaves as expected.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


def variable_index(optimizer: "keras.Optimizer", variable: Any) -> int:
    """Return the index of a weight among the variables that the optimizer was built for."""
    return optimizer._get_variable_index(variable)


def first_moment(optimizer: "keras.Optimizer", variable: Any) -> Any:
    """Return the variable that stores the running mean of the gradients of a weight."""
    return optimizer._momentums[variable_index(optimizer, variable)]


def second_moment(optimizer: "keras.Optimizer", variable: Any) -> Any:
    """Return the variable that stores the running mean of the squared gradients of a weight."""
    return optimizer._velocities[variable_index(optimizer, variable)]


def moving_average(optimizer: "keras.Optimizer", variable: Any) -> Any:
    """Return the variable that stores the moving average of a weight, if `use_ema` is set."""
    return optimizer._model_variables_moving_average[variable_index(optimizer, variable)]


def disable_gradient_reduction(optimizer: "keras.Optimizer") -> None:
    """Make `apply` use gradients as they are, without their sum over replicas (TensorFlow)."""
    optimizer._all_reduce_sum_gradients = lambda gradients_and_variables: gradients_and_variables


def replace_update_step(
    optimizer: "keras.Optimizer", update_step: Callable[[Any, Any, Any], None]
) -> None:
    """Replace `update_step(gradient, variable, learning_rate)`, which `apply` calls per weight."""
    optimizer.update_step = update_step


def assigned_layout(variable: Any) -> Any:
    """Return the layout that an optimizer has assigned to its variable, or None."""
    return getattr(variable, "_layout", None)
