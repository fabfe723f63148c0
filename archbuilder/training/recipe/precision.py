"""What is computed in, and why: weights are float32 in any case."""

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import keras

Precision = Literal["auto", "float32", "bfloat16", "float16"]


class Hardware(Protocol):
    """What the choice of a precision depends on."""

    @property
    def kind(self) -> str:
        """CPU, GPU or TPU."""
        ...

    @property
    def has_bfloat16(self) -> bool:
        """Whether it computes in bfloat16."""
        ...


def choose_policy(precision: Precision, devices: Hardware) -> tuple[str, str]:
    """The name of Keras's policy, and the reason for it in a word or two."""
    if precision != "auto":
        return _policy(precision), "as the spec says"
    if devices.kind == "CPU":
        return "float32", "on a CPU"
    if devices.has_bfloat16:
        return _policy("bfloat16"), f"which this {devices.kind} has"
    return _policy("float16"), f"as this {devices.kind} has no bfloat16"


def with_loss_scaling(
    optimizer: "keras.optimizers.Optimizer", policy: str, model: "keras.Model"
) -> "keras.optimizers.Optimizer":
    """The optimizer, behind a scale for the loss where float16 would lose small gradients.

    Micikevicius et al., 2018, section 3.2; the scale halves at a step that overflows, which is
    left out, and doubles after 2,000 steps that do not.
    """
    if policy != "mixed_float16":
        return optimizer
    import keras

    scaled = keras.optimizers.LossScaleOptimizer(optimizer)
    scaled.build(model.trainable_variables)
    return scaled


def _policy(precision: str) -> str:
    return precision if precision == "float32" else f"mixed_{precision}"
