"""Names of weights in the files of an architecture.

A table maps the names of our layers to the names of PyTorch modules. `{i}` is the number of a layer
in its stack. If the weight of a module is the concatenation of several of our matrices, `[k/n]`
selects one of `n` equal parts. `=` precedes the full name of a weight that belongs to no module;
it is stored as zeros if a model does not use it.
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
"""Names of weights in PyTorch modules, by their names in Keras layers."""


@dataclass(frozen=True)
class WeightNames:
    """The table of weight names of an architecture, and the conventions of its files."""

    names: dict[str, str]
    body: str = ""
    """Name of the module with all layers except the heads, in the files of a model with a head."""
    inputs_first: bool = False
    """Whether the matrices of layers are stored as [inputs, outputs], as in Keras."""
    body_prefixes: tuple[str, ...] = ()
    """Prefixes of all weights that do not belong to a head. Default: the prefix `body`."""
    computed: str = ""
    """Suffix of the names of weights that are computed from the spec. Default: none."""

    def prefixes(self) -> tuple[str, ...]:
        """Return the prefixes of all weights that do not belong to a head."""
        return self.body_prefixes or (f"{self.body}.",)


class WeightLocation:
    """The location of one of our weights, `layer/weight`, in an architecture's files.

    Attributes:
        name: The name of the PyTorch weight.
        part: Index of the part of the PyTorch weight that is our weight.
        parts: Number of equal parts of the PyTorch weight.
        transposed: Whether the PyTorch weight is [outputs, inputs], and ours [inputs, outputs].
    """

    def __init__(self, weight_names: WeightNames, path: str) -> None:
        layer, _, weight = path.rpartition("/")
        number = re.search(r"\.layers\.(\d+)\.", layer)
        pattern = re.sub(r"(?<=\.layers\.)\d+", "{i}", layer, count=1)
        module = weight_names.names[pattern].replace("{i}", number[1] if number else "")
        part = re.search(r"\[(\d+)/(\d+)\]$", module)
        self.part, self.parts = (int(part[1]), int(part[2])) if part else (0, 1)
        is_bias_layer = layer.endswith(".bias")
        kind = "bias" if is_bias_layer else _WEIGHTS[weight]
        is_full_name = module.startswith("=")
        self.name = module[1:] if is_full_name else f"{module.partition('[')[0]}.{kind}"
        stored_as_keras = weight_names.inputs_first and number is not None
        self.transposed = weight == "kernel" and not stored_as_keras

    def to_keras(self, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return the Keras weight. Raise ValueError if it does not have the given shape."""
        array = array.T if self.transposed else array
        part = np.split(array, self.parts, axis=-1)[self.part] if array.ndim else array
        if shape not in (
            part.shape,
            (1, *part.shape),
        ):  # The weight of a bias layer is [1, N] in Keras.
            raise ValueError(f"{part.shape} is not {shape}")
        return part.reshape(shape)

    def from_keras(self, arrays: list[np.ndarray]) -> np.ndarray:
        """Return the PyTorch weight, given all its parts in order."""
        joined = np.concatenate(arrays, axis=-1)
        return joined.T if self.transposed else joined


def add_prefixes(keras: str, torch: str, names: dict[str, str]) -> dict[str, str]:
    """Return a table with prefixes added to all names.

    Args:
        keras: The prefix of our names.
        torch: The prefix of the PyTorch names.
        names: The table.
    """
    return {f"{keras}.{layer}": f"{torch}.{module}" for layer, module in names.items()}


def projections(attention: str, roles: str, module: str) -> dict[str, str]:
    """Return the names of the four projections of attention.

    Args:
        attention: The name of our attention layer.
        roles: The PyTorch names of the query, key, value and output projections, space-separated.
        module: The name of the PyTorch module, with `*` for the name of a projection.
    """
    names = zip(("query", "key", "value", "output"), roles.split(), strict=True)
    return {f"{attention}.{role}": module.replace("*", name) for role, name in names}
