"""Precision: the data type of the computation; weights are always float32."""

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import keras

Precision = Literal["auto", "float32", "bfloat16", "float16"]


class Hardware(Protocol):
    """The properties of devices that determine the default precision."""

    @property
    def kind(self) -> str:
        """CPU, GPU or TPU."""
        ...

    @property
    def has_bfloat16(self) -> bool:
        """Whether the devices compute in bfloat16."""
        ...


def choose_policy(precision: Precision, devices: Hardware) -> tuple[str, str]:
    """Return the name of the Keras dtype policy, and a reason for the header of the run.

    Args:
        precision: The precision of the spec.
        devices: The devices of the run.
    """
    if precision != "auto":
        return _policy(precision), "set by training.precision"
    if devices.kind == "CPU":
        return "float32", "default on CPU"
    if devices.has_bfloat16:
        return _policy("bfloat16"), f"supported by this {devices.kind}"
    return _policy("float16"), f"this {devices.kind} does not support bfloat16"


def with_loss_scaling(
    optimizer: "keras.optimizers.Optimizer", policy: str, model: "keras.Model"
) -> "keras.optimizers.Optimizer":
    """Return the optimizer, wrapped with dynamic loss scaling if the policy is mixed_float16.

    Small gradients would underflow in float16 (Micikevicius et al., 2018, section 3.2). A step
    whose gradient overflows is skipped and halves the scale; the scale doubles after 2,000 steps
    without overflow.

    Args:
        optimizer: The optimizer, built for the model.
        policy: The name of the Keras dtype policy.
        model: The model to train.
    """
    if policy != "mixed_float16":
        return optimizer
    import keras

    loss_scale_optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    loss_scale_optimizer.build(model.trainable_variables)
    return loss_scale_optimizer


def _policy(precision: str) -> str:
    return precision if precision == "float32" else f"mixed_{precision}"
