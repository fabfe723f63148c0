"""Weights under Hugging Face's names and under ours: the same arrays, turned, cut and joined."""

import re
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from archbuilder.exchange.hugging_face.names import Layout

_WEIGHTS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "scale": "weight",
    "embeddings": "weight",
}
"""What a weight of a Keras layer is called there."""


class Place:
    """Where one of our weights, `layer/weight`, stands in an architecture's files."""

    def __init__(self, layout: Layout, path: str):
        layer, _, weight = path.rpartition("/")
        number = re.search(r"\.layers\.(\d+)\.", layer)
        pattern = re.sub(r"(?<=\.layers\.)\d+", "{i}", layer, count=1)
        their = layout.names[pattern].replace("{i}", number[1] if number else "")
        part = re.search(r"\[(\d+)/(\d+)\]$", their)
        self.part, self.parts = (int(part[1]), int(part[2])) if part else (0, 1)
        bare = layer.endswith(".bias")  # A bias that is a layer of its own.
        kind = "bias" if bare else _WEIGHTS[weight]
        whole = their.startswith("=")
        self.name = their[1:] if whole else f"{their.partition('[')[0]}.{kind}"
        as_ours = layout.inputs_first and number is not None
        self.turned = weight == "kernel" and not as_ours

    def ours(self, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Our weight out of theirs. Raises `ValueError` where it has another shape."""
        array = array.T if self.turned else array
        part = np.split(array, self.parts, axis=-1)[self.part] if array.ndim else array
        if shape not in (part.shape, (1, *part.shape)):  # A bare bias is a row here.
            raise ValueError(f"{part.shape} is not {shape}")
        return part.reshape(shape)

    def theirs(self, arrays: list[np.ndarray]) -> np.ndarray:
        """Their weight out of ours, all its parts in order."""
        joined = np.concatenate(arrays, axis=-1)
        return joined.T if self.turned else joined


def ours(
    layout: Layout, theirs: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
    """Our weights by path, of the given shapes. Raises `KeyError` for one that is not there."""
    found = {}
    for path, shape in shapes.items():
        place = Place(layout, path)
        found[path] = place.ours(np.asarray(theirs[place.name]), shape)
    return found


def theirs(layout: Layout, ours: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Their weights by name, each tied one once."""
    gathered: dict[str, dict[int, np.ndarray]] = defaultdict(dict)
    places = {}
    for path, array in ours.items():
        place = Place(layout, path)
        bare = place.name.endswith(".bias") and path.endswith("/embeddings")
        gathered[place.name][place.part] = array[0] if bare else array
        places[place.name] = place
    return {
        name: places[name].theirs([parts[number] for number in sorted(parts)])
        for name, parts in gathered.items()
    }
