"""Activation functions of feed-forward layers and heads, by name."""

from typing import Any, Literal

Activation = Literal["relu", "squared_relu", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh"]
"""Name of an activation function.

`gelu` is the exact function (Hendrycks and Gimpel, 2016) and `gelu_tanh` its tanh approximation.
`squared_relu` is relu(x)**2 (So et al., 2021)."""


def activate(x: Any, name: Activation) -> Any:
    """Return `x` with the activation function called `name` applied to each element."""
    from keras import ops

    if name.startswith("gelu"):
        return ops.gelu(x, approximate=name == "gelu_tanh")
    if name == "squared_relu":
        return ops.square(ops.relu(x))
    return getattr(ops, name)(x)
