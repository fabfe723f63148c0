"""Names of weights in the Hugging Face files of an architecture.

A table maps the names of archbuilder's layers to the names of PyTorch modules:

- `{i}` is the index of a layer in its stack, from 0.
- `[k/n]` selects the part with index `k` of `n` equal parts (along the outputs), if the weight of a
  module is the concatenation of several Keras weights, such as query, key and value.
- `=` precedes the full name of a weight that does not belong to a module. It is stored as zeros if
  a model does not use it.
"""

import re
from dataclasses import dataclass

import numpy as np

_WEIGHTS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "scale": "weight",
    "embeddings": "weight",
}
"""Names of weights in PyTorch modules, by the names of the weights in Keras layers."""


@dataclass(frozen=True)
class WeightNames:
    """The table of names of an architecture, and the conventions of its files."""

    names: dict[str, str]
    """Names of PyTorch modules by the names of archbuilder's layers, as described in the module."""
    body: str = ""
    """Name of the PyTorch module with all layers except the heads, such as "bert"."""
    inputs_first: bool = False
    """Whether the matrices in the layers of a stack are stored as [inputs, outputs], as in Keras.
    Default: they are stored as [outputs, inputs], as in PyTorch."""
    body_prefixes: tuple[str, ...] = ()
    """Prefixes of the names of weights that do not belong to a head. Default: `body` and a dot."""
    computed: str = ""
    """Suffix of the names of weights that archbuilder computes instead of loading them, such as
    sinusoidal positions. Default: none."""

    def prefixes(self) -> tuple[str, ...]:
        """Return the prefixes of the names of weights that do not belong to a head."""
        return self.body_prefixes or (f"{self.body}.",)


class WeightLocation:
    """The location of a Keras weight in the Hugging Face files of an architecture.

    Attributes:
        name: The name of the PyTorch weight.
        part: Index of the part of the PyTorch weight that is the Keras weight, from 0.
        parts: Number of equal parts of the PyTorch weight.
        transposed: Whether the PyTorch weight is [outputs, inputs]; the Keras weight is
            [inputs, outputs].
    """

    def __init__(self, weight_names: WeightNames, path: str) -> None:
        """Find the location.

        Args:
            weight_names: The table of the architecture.
            path: The path of the Keras weight, `layer/weight`.
        """
        layer, _, weight = path.rpartition("/")
        layer_index = re.search(r"\.layers\.(\d+)\.", layer)
        pattern = re.sub(r"(?<=\.layers\.)\d+", "{i}", layer, count=1)
        module = weight_names.names[pattern].replace("{i}", layer_index[1] if layer_index else "")
        part = re.search(r"\[(\d+)/(\d+)\]$", module)
        self.part, self.parts = (int(part[1]), int(part[2])) if part else (0, 1)
        is_bias_layer = layer.endswith(".bias")
        torch_weight = "bias" if is_bias_layer else _WEIGHTS[weight]
        is_full_name = module.startswith("=")
        self.name = module[1:] if is_full_name else f"{module.partition('[')[0]}.{torch_weight}"
        stored_as_keras = weight_names.inputs_first and layer_index is not None
        self.transposed = weight == "kernel" and not stored_as_keras

    def to_keras(self, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return the Keras weight.

        Args:
            array: The PyTorch weight.
            shape: The shape of the Keras weight.

        Raises:
            ValueError: The shapes do not match.
        """
        array = array.T if self.transposed else array
        part = np.split(array, self.parts, axis=-1)[self.part] if array.ndim else array
        # The weight of a bias layer is [1, N] in Keras and [N] in PyTorch.
        if shape not in (part.shape, (1, *part.shape)):
            raise ValueError(f"expected the shape {shape}, got {part.shape}")
        return part.reshape(shape)

    def from_keras(self, arrays: list[np.ndarray]) -> np.ndarray:
        """Return the PyTorch weight.

        Args:
            arrays: The Keras weights that are its parts, in order.
        """
        joined = np.concatenate(arrays, axis=-1)
        return joined.T if self.transposed else joined


def add_prefixes(keras: str, torch: str, names: dict[str, str]) -> dict[str, str]:
    """Return a table of names with a prefix and a dot added to each name.

    Args:
        keras: The prefix of the names of archbuilder's layers.
        torch: The prefix of the names of PyTorch modules.
        names: The table: names of PyTorch modules by names of layers.
    """
    return {f"{keras}.{layer}": f"{torch}.{module}" for layer, module in names.items()}


def projections(attention: str, roles: str, module: str) -> dict[str, str]:
    """Return the part of a table for the four projections of an attention layer.

    Args:
        attention: The name of archbuilder's attention layer.
        roles: The PyTorch names of the query, key, value and output projections, separated by
            spaces.
        module: The name of the PyTorch module of a projection, with `*` in place of the name in
            `roles`.
    """
    names = zip(("query", "key", "value", "output"), roles.split(), strict=True)
    return {f"{attention}.{role}": module.replace("*", name) for role, name in names}
