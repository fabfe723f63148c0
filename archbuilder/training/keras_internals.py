"""The private names of Keras that are used, all of them in this file.

tests/training/test_keras_internals.py checks that each still exists and means the same.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


def variable_index(optimizer: "keras.Optimizer", variable: Any) -> int:
    """Return the index of a weight among those that the optimizer was built for."""
    return optimizer._get_variable_index(variable)


def first_moment(optimizer: "keras.Optimizer", variable: Any) -> Any:
    """Return the variable with the running mean of the gradients of a weight."""
    return optimizer._momentums[variable_index(optimizer, variable)]


def second_moment(optimizer: "keras.Optimizer", variable: Any) -> Any:
    """Return the variable with the running mean of the squared gradients of a weight."""
    return optimizer._velocities[variable_index(optimizer, variable)]


def moving_average(optimizer: "keras.Optimizer", variable: Any) -> Any:
    """Return the variable with the moving average of a weight, where `use_ema` is set."""
    return optimizer._model_variables_moving_average[variable_index(optimizer, variable)]


def disable_gradient_reduction(optimizer: "keras.Optimizer") -> None:
    """Let `apply` take gradients as they are, and not add them up over replicas (TensorFlow)."""
    optimizer._all_reduce_sum_gradients = lambda gradients_and_variables: gradients_and_variables


def replace_update_step(
    optimizer: "keras.Optimizer", update_step: Callable[[Any, Any, Any], None]
) -> None:
    """Let `apply` call another `update_step(gradient, variable, learning_rate)` for each weight."""
    optimizer.update_step = update_step


def assigned_layout(variable: Any) -> Any:
    """Return the layout that an optimizer has given its variable; None where it has none."""
    return getattr(variable, "_layout", None)
