"""Optimizers that are faster than the ones in Keras, or closer to their papers."""

import keras
from keras import ops

from archbuilder.objectives.loss_term import Tensor
from archbuilder.training.keras_internals import (
    first_moment,
    second_moment,
    variable_index,
)


class Adam(keras.optimizers.Adam):
    """Adam (Kingma and Ba, 2015, algorithm 1).

    Epsilon is added after the bias correction of the second moment. Keras adds it before the
    correction, which makes the first updates of weights with small gradients much smaller.
    """

    def update_step(
        self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor
    ) -> None:
        """Update a weight by its gradient."""
        step = ops.cast(self.iterations + 1, "float32")
        powers = ops.power(self.beta_1, step), ops.power(self.beta_2, step)
        epsilon = self.epsilon * ops.sqrt(1 - powers[1])
        mean, square = first_moment(self, variable), second_moment(self, variable)
        if keras.backend.backend() == "tensorflow":
            self._fused(gradient, variable, learning_rate, mean, square, powers, epsilon)
            return
        self.assign_add(mean, (gradient - mean) * (1 - self.beta_1))
        self.assign_add(square, (ops.square(gradient) - square) * (1 - self.beta_2))
        rate = learning_rate * ops.sqrt(1 - powers[1]) / (1 - powers[0])
        self.assign_sub(variable, rate * mean / (ops.sqrt(square) + epsilon))

    def _fused(
        self,
        gradient: Tensor,
        variable: keras.Variable,
        learning_rate: Tensor,
        mean: keras.Variable,
        square: keras.Variable,
        powers: tuple[Tensor, Tensor],
        epsilon: Tensor,
    ) -> None:
        """Compute the same update with TensorFlow's fused kernel, in a single pass."""
        import tensorflow as tf

        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(mean),
            v=_handle(square),
            beta1_power=powers[0],
            beta2_power=powers[1],
            lr=ops.cast(learning_rate, "float32"),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=epsilon,
            grad=gradient,
        )


class Adafactor(keras.optimizers.Optimizer):
    """Adafactor (Shazeer and Stern, 2018, algorithms 4 and 5), with the learning rate as rho.

    The Adafactor of Keras limits the learning rate to 1 / sqrt(step), and stores the full second
    moment of a matrix in addition to its rows and columns.
    """

    def __init__(
        self, decay_exponent: float, epsilon_1: float, epsilon_2: float, clip_threshold: float
    ) -> None:
        super().__init__(learning_rate=0.0)
        self.decay_exponent, self.epsilon_1 = decay_exponent, epsilon_1
        self.epsilon_2, self.clip_threshold = epsilon_2, clip_threshold

    def build(self, variables: list[keras.Variable]) -> None:
        """Create the running means of the squared gradients of all variables."""
        super().build(variables)
        self._squares = [self._add_means(variable) for variable in variables]

    def _add_means(self, variable: keras.Variable) -> list[keras.Variable]:
        """Add the running means of squared gradients: by row and by column, or of a vector."""
        shape, weight = tuple(variable.shape), variable.path.replace("/", "_")
        shapes = {"squares": shape}
        if len(shape) > 1:
            shapes = {"row_squares": shape[:-1], "column_squares": (*shape[:-2], shape[-1])}
        return [self.add_variable(shape, name=f"{weight}_{name}") for name, shape in shapes.items()]

    def update_step(
        self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor
    ) -> None:
        """Update a weight by its gradient."""
        means = self._squares[variable_index(self, variable)]
        step = ops.cast(self.iterations + 1, "float32")
        new_fraction = ops.power(step, -self.decay_exponent)
        square = ops.square(gradient) + self.epsilon_1
        squares = (
            [square] if len(means) == 1 else [ops.mean(square, axis=axis) for axis in (-1, -2)]
        )
        for mean, new in zip(means, squares, strict=True):
            self.assign_add(mean, (new - mean) * new_fraction)
        update = gradient * _inverse_root(means)
        update = update / ops.maximum(1.0, _root_mean_square(update) / self.clip_threshold)
        scale = ops.maximum(self.epsilon_2, _root_mean_square(variable))
        self.assign_sub(variable, learning_rate * scale * update)


class LAMB(keras.optimizers.Lamb):
    """LAMB (You et al., 2020, algorithm 2): the scaled update includes the weight decay."""

    def update_with_decay(
        self,
        gradient: Tensor,
        variable: keras.Variable,
        learning_rate: Tensor,
        decay: float,
        is_matrix: bool,
    ) -> None:
        """Update a weight.

        Args:
            gradient: The gradient of the weight.
            variable: The weight.
            learning_rate: The learning rate of the weight.
            decay: The weight decay.
            is_matrix: Whether the update is scaled to the norm of the weight; if not, it is the
                update of Adam.
        """
        step = ops.cast(self.iterations + 1, "float32")
        mean, square = first_moment(self, variable), second_moment(self, variable)
        self.assign_add(mean, (gradient - mean) * (1 - self.beta_1))
        self.assign_add(square, (ops.square(gradient) - square) * (1 - self.beta_2))
        corrected = square / (1 - ops.power(self.beta_2, step))
        direction = mean / (1 - ops.power(self.beta_1, step))
        direction = direction / (ops.sqrt(corrected) + self.epsilon) + decay * variable
        self.assign_sub(
            variable, learning_rate * _trust_ratio(variable, direction, is_matrix) * direction
        )


class ScheduleFreeAdamW(keras.optimizers.ScheduleFreeAdamW):
    """Schedule-free AdamW (Defazio et al., 2024, algorithm 1).

    Weight decay is applied at y, the point of the gradients. The average weights each step by the
    square of its learning rate.
    """

    def build(self, variables: list[keras.Variable]) -> None:
        """Create the optimizer variables, with the sum of squared learning rates."""
        super().build(variables)
        self._squares = self.add_variable(
            (), initializer="zeros", name="squares", aggregation="only_first_replica"
        )

    def apply(
        self, grads: list[Tensor], trainable_variables: list[keras.Variable] | None = None
    ) -> None:
        """Update all weights, and add up the squared learning rate."""
        rate = self._corrected(self.learning_rate)
        super().apply(grads, trainable_variables)
        self._squares.assign_add(ops.square(rate))

    def update_with_decay(
        self,
        gradient: Tensor,
        variable: keras.Variable,
        learning_rate: Tensor,
        decay: float,
        is_matrix: bool,
    ) -> None:
        """Update z by the gradient, the average x toward z, and the weight y between both.

        Args:
            gradient: The gradient at y.
            variable: The weight, y.
            learning_rate: The learning rate of the weight.
            decay: The weight decay.
            is_matrix: Not used: all weights have the same update.
        """
        base, square = first_moment(self, variable), second_moment(self, variable)
        rate = ops.square(self._corrected(self.learning_rate))
        fraction = rate / ops.maximum(self._squares + rate, 1e-30)
        average = (variable - (1 - self.beta_1) * base) / self.beta_1
        self.assign_add(square, (ops.square(gradient) - square) * (1 - self.beta_2))
        step = gradient / (ops.sqrt(square) + self.epsilon) + decay * variable
        self.assign_sub(base, self._corrected(learning_rate) * step)
        average = average + fraction * (base - average)
        self.assign(variable, (1 - self.beta_1) * base + self.beta_1 * average)

    def averages(self, weights: list, values: list) -> list:
        """Return the averages x of weights, which are evaluated and saved.

        Args:
            weights: The weights.
            values: The current values y of the weights.
        """
        bases = [first_moment(self, weight) for weight in weights]
        return [
            (value - (1 - self.beta_1) * ops.convert_to_numpy(base)) / self.beta_1
            for value, base in zip(values, bases, strict=True)
        ]

    def _corrected(self, rate: Tensor) -> Tensor:
        step = ops.cast(self.iterations + 1, "float32")
        return rate * ops.sqrt(1 - ops.power(self.beta_2, step))


def _trust_ratio(variable: keras.Variable, direction: Tensor, is_matrix: bool) -> Tensor:
    """Return the norm of a matrix divided by that of its update; 1 if either is zero."""
    if not is_matrix:
        return 1.0
    weight_norm, direction_norm = (
        ops.sqrt(ops.sum(ops.square(tensor))) for tensor in (variable, direction)
    )
    is_defined = ops.logical_and(weight_norm > 0, direction_norm > 0)
    ratio = weight_norm / ops.where(is_defined, direction_norm, 1.0)
    return ops.where(is_defined, ratio, 1.0)


def _inverse_root(means: list[keras.Variable]) -> Tensor:
    """Return 1 / sqrt(mean); factors are computed separately to avoid division by zero."""
    if len(means) == 1:
        return ops.rsqrt(means[0])
    rows, columns = means
    rows = rows / ops.mean(rows, axis=-1, keepdims=True)
    return ops.rsqrt(rows)[..., :, None] * ops.rsqrt(columns)[..., None, :]


def _root_mean_square(x: Tensor) -> Tensor:
    return ops.sqrt(ops.mean(ops.square(x)))


def _handle(variable: keras.Variable | Tensor) -> Tensor:
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
