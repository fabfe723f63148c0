"""Keras's AdamW, made right for repeated ids, with one clipping and one norm for all gradients."""

import keras
from keras import ops

from archbuilder.network.layer import decays


class Moments(keras.optimizers.AdamW):
    """AdamW in which the gradients of a table's row are added up before their square is taken.

    Keras's own adds the squares of an id's several gradients, which is another optimizer
    (on TensorFlow, wherever a table is only looked up). The norm of the last gradient, before
    clipping, stands in `gradient_norm`.
    """

    def __init__(self, model, clip: float | None, weight_decay: float | None, **moments):
        super().__init__(learning_rate=0.0, weight_decay=weight_decay or 0.0, **moments)
        self.weight_decay = weight_decay
        self.clip = clip
        self.exclude_from_weight_decay(var_list=_not_decaying(model))
        self.build(model.trainable_variables)
        self.gradient_norm = self.add_variable((), initializer="zeros", name="gradient_norm")

    def apply(self, grads, trainable_variables=None):
        grads = [ops.convert_to_tensor(gradient) for gradient in grads]  # Merges repeated ids.
        norm = ops.sqrt(sum(ops.sum(ops.square(gradient)) for gradient in grads))
        self.gradient_norm.assign(norm)
        if self.clip is not None:
            factor = self.clip / ops.maximum(norm, self.clip)
            grads = [gradient * factor for gradient in grads]
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        if keras.backend.backend() != "tensorflow":
            return super().update_step(gradient, variable, learning_rate)
        return self._fused_step(gradient, variable, learning_rate)

    def _fused_step(self, gradient, variable, learning_rate):
        """The same update in TensorFlow's one kernel: a single pass over the weights."""
        import tensorflow as tf

        index = self._get_variable_index(variable)
        step = ops.cast(self.iterations + 1, "float32")
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=ops.power(self.beta_1, step),
            beta2_power=ops.power(self.beta_2, step),
            lr=ops.cast(learning_rate, "float32"),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def _handle(variable):
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


def _not_decaying(model) -> list:
    return [
        weight
        for layer in model.layers
        for weight in layer.trainable_variables
        if not decays(layer.name, weight.shape)
    ]
