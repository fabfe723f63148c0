"""Conversion of weights between Hugging Face files and Keras."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from archbuilder.errors import UserError
from archbuilder.pretrained.hugging_face.config import HasWeights
from archbuilder.pretrained.hugging_face.folder import CONFIG, Arrays
from archbuilder.pretrained.hugging_face.weight_names import WeightLocation, WeightNames


def read_weights(
    weight_names: WeightNames,
    arrays: Mapping[str, np.ndarray],
    shapes: Mapping[str, tuple[int, ...]],
    source: object,
) -> dict[str, np.ndarray]:
    """Return the weights of a Keras model, by path `layer/weight`.

    Args:
        weight_names: The names of the arrays.
        arrays: The arrays by name.
        shapes: The shape of each weight of the Keras model, by path.
        source: The source of the arrays, for error messages.

    Raises:
        UserError: A weight is missing, has another shape, or is NaN or infinite.
    """
    weights = {}
    for path, shape in shapes.items():
        location = WeightLocation(weight_names, path)
        array = arrays[location.name]
        try:
            weights[path] = location.to_keras(array, shape)
        except ValueError:
            raise UserError(
                f"{source}: weights {location.name!r} have the shape {list(array.shape)}, "
                f"which does not match {CONFIG}"
            ) from None
    return weights


def from_keras(
    weight_names: WeightNames, weights: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the arrays of a folder, by name, for the weights of a Keras model.

    Args:
        weight_names: The names of the arrays.
        weights: The weights of the Keras model, by path `layer/weight`.
    """
    parts: dict[str, dict[int, np.ndarray]] = defaultdict(dict)
    locations = {}
    for path, array in weights.items():
        location = WeightLocation(weight_names, path)
        is_bias_layer = location.name.endswith(".bias") and path.endswith("/embeddings")
        parts[location.name][location.part] = array[0] if is_bias_layer else array
        locations[location.name] = location
    return {
        name: locations[name].from_keras([arrays[number] for number in sorted(arrays)])
        for name, arrays in parts.items()
    }


def has_weights(weight_names: WeightNames, arrays: Arrays) -> HasWeights:
    """Return a function that returns whether a folder has the weights of a layer or head.

    For a layer or head without weights, it returns True.
    """

    def check(part: str) -> bool:
        name = weight_names.names.get(part, "")
        if name.startswith("="):
            return name[1:] in arrays and bool(arrays[name[1:]].any())
        modules = [
            module.partition("[")[0]
            for layer, module in weight_names.names.items()
            if layer == part or layer.startswith(f"{part}.")
        ]
        return all(f"{name}.weight" in arrays or f"{name}.bias" in arrays for name in modules)

    return check


def unused_weights(
    weight_names: WeightNames, arrays: Arrays, heads: Iterable[str]
) -> Iterator[str]:
    """Yield the names of unused weights, which belong to a pooler or to a head not in `heads`.

    Args:
        weight_names: The names of the arrays.
        arrays: The arrays, of which some were read.
        heads: The heads of the imported model.

    Raises:
        UserError: Weights of the body were not read, or tied weights of a head differ from the
            table.
    """
    prefixes, imported_heads = weight_names.prefixes(), set(heads)
    modules = [
        f"{module}."
        for layer, module in weight_names.names.items()
        if layer.partition(".")[0] in imported_heads
    ]
    tied = ("lm_head.", *modules)
    for name in arrays.unread():
        if weight_names.computed and name.endswith(weight_names.computed):
            continue
        if name.startswith(tied) and not name.startswith(prefixes):
            raise UserError(
                f"{arrays.folder}: weights {name!r} differ from the weights that {CONFIG} ties "
                "them to"
            )
        if name.startswith(prefixes) and ".pooler." not in name:
            raise UserError(f"{arrays.folder}: unsupported weights {name!r}")
        yield name
