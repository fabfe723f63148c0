"""Names of layers in the files of an architecture.

A table maps our layer's name to their module's; `{i}` is a layer's number in its stack. Where a
module holds several of our matrices in one, `[k/n]` selects one of `n` equal parts. `=` precedes
the full name of a weight that belongs to no module; it is stored as zeros where it is not used.
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
"""Names of a Keras layer's weights, and their names in PyTorch modules."""


@dataclass(frozen=True)
class WeightNames:
    """The table of an architecture, and the conventions of its files."""

    names: dict[str, str]
    body: str = ""
    """The module that holds everything but the heads, in the files of a model with a head."""
    inputs_first: bool = False
    """Whether matrices of layers are stored as [inputs, outputs], as in Keras."""
    body_prefixes: tuple[str, ...] = ()
    """Prefixes of all weights that are not a head's. Default: that of `body`."""
    computed: str = ""
    """The end of the names of weights that the spec computes."""

    def prefixes(self) -> tuple[str, ...]:
        """Return the prefixes of all weights that are not a head's."""
        return self.body_prefixes or (f"{self.body}.",)


class WeightLocation:
    """The location of one of our weights, `layer/weight`, in an architecture's files.

    Attributes:
        name: The name of their weight.
        part: Which of the equal parts of that weight ours is.
        parts: How many parts that weight has.
        transposed: Whether theirs is [outputs, inputs] and ours [inputs, outputs].
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
        """Return our weight. Raise ValueError if it does not have the given shape."""
        array = array.T if self.transposed else array
        part = np.split(array, self.parts, axis=-1)[self.part] if array.ndim else array
        if shape not in (part.shape, (1, *part.shape)):  # A layer that is a bias has a row.
            raise ValueError(f"{part.shape} is not {shape}")
        return part.reshape(shape)

    def from_keras(self, arrays: list[np.ndarray]) -> np.ndarray:
        """Return their weight, joined from all its parts in order."""
        joined = np.concatenate(arrays, axis=-1)
        return joined.T if self.transposed else joined


def under(ours: str, theirs: str, names: dict[str, str]) -> dict[str, str]:
    """Return the table with a prefix before our names and one before theirs."""
    return {f"{ours}.{our}": f"{theirs}.{their}" for our, their in names.items()}


def projections(attention: str, roles: str, module: str) -> dict[str, str]:
    """Return the names of the four projections of attention.

    Args:
        attention: The name of our attention layer.
        roles: Their names of the query, key, value and output projections, space-separated.
        module: Their module, with `*` for the name of a projection.
    """
    names = zip(("query", "key", "value", "output"), roles.split(), strict=True)
    return {f"{attention}.{role}": module.replace("*", name) for role, name in names}
