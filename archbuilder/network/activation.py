"""The non-linearities of feed-forward layers and heads, by name."""

from typing import Literal

Activation = Literal["relu", "gelu", "gelu_tanh", "silu", "tanh"]
"""gelu is the exact one (Hendrycks and Gimpel, 2016); gelu_tanh its approximation by tanh."""


def activate(x, name: Activation):
    """Apply the non-linearity called `name`, elementwise."""
    from keras import ops

    if name.startswith("gelu"):
        return ops.gelu(x, approximate=name == "gelu_tanh")
    return getattr(ops, name)(x)
