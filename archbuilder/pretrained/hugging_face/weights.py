"""Weights of a model, converted between Hugging Face's files and Keras."""

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
    """Return weights as Keras has them, by path `layer/weight`.

    Args:
        weight_names: The names of the arrays.
        arrays: The arrays by name, such as those in a folder.
        shapes: The shape of each weight of the Keras model, by path.
        source: Where the arrays are from, for error messages.

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
                f"{source}: the weights {location.name!r} are {list(array.shape)}, "
                f"which is not what {CONFIG} implies"
            ) from None
    return weights


def from_keras(
    weight_names: WeightNames, weights: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return Keras's weights as a folder's arrays, by name; each tied one once."""
    parts: dict[str, dict[int, np.ndarray]] = defaultdict(dict)
    locations = {}
    for path, array in weights.items():
        location = WeightLocation(weight_names, path)
        is_bias_layer = location.name.endswith(".bias") and path.endswith("/embeddings")
        parts[location.name][location.part] = array[0] if is_bias_layer else array
        locations[location.name] = location
    return {
        name: locations[name].from_keras([own[number] for number in sorted(own)])
        for name, own in parts.items()
    }


def has_weights(weight_names: WeightNames, arrays: Arrays) -> HasWeights:
    """Return whether a folder has weights of a layer or head; one without any counts as there."""

    def check(part: str) -> bool:
        name = weight_names.names.get(part, "")
        if name.startswith("="):
            return name[1:] in arrays and bool(arrays[name[1:]].any())
        modules = [
            module.partition("[")[0]
            for layer, module in weight_names.names.items()
            if layer == part or layer.startswith(f"{part}.")
        ]
        return all(f"{one}.weight" in arrays or f"{one}.bias" in arrays for one in modules)

    return check


def unused_weights(
    weight_names: WeightNames, arrays: Arrays, heads: Iterable[str]
) -> Iterator[str]:
    """Yield the names of weights of a pooler or a head that is not among `heads`.

    Raises:
        UserError: Weights of the body were not read, or those of a head differ from the table
            that they are tied to.
    """
    prefixes, known_heads = weight_names.prefixes(), set(heads)
    modules = [
        f"{module}."
        for layer, module in weight_names.names.items()
        if layer.partition(".")[0] in known_heads
    ]
    tied = ("lm_head.", *modules)
    for name in arrays.unread():
        if weight_names.computed and name.endswith(weight_names.computed):
            continue
        if name.startswith(tied) and not name.startswith(prefixes):
            raise UserError(
                f"{arrays.folder}: the weights {name!r} are others than {CONFIG} ties them to"
            )
        if name.startswith(prefixes) and ".pooler." not in name:
            raise UserError(f"{arrays.folder}: the weights {name!r} have no place in a spec")
        yield name
