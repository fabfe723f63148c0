"""The non-linearities of feed-forward layers and heads, by name."""

from typing import Any, Literal

Activation = Literal["relu", "squared_relu", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh"]
"""gelu is the exact one (Hendrycks and Gimpel, 2016) and gelu_tanh its approximation by tanh;
squared_relu is So et al., 2021."""


def activate(x: Any, name: Activation) -> Any:
    """Apply the non-linearity called `name`, elementwise."""
    from keras import ops

    if name.startswith("gelu"):
        return ops.gelu(x, approximate=name == "gelu_tanh")
    if name == "squared_relu":
        return ops.square(ops.relu(x))
    return getattr(ops, name)(x)
