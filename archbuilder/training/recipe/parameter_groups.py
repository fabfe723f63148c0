"""Which weights are trained, at what share of the rate, and with how much decay."""

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from pydantic import NonNegativeFloat, PositiveFloat, model_validator

from archbuilder.language import Problem, Spec, near
from archbuilder.network.layer import decays
from archbuilder.training.recipe.weight_averaging import Exponential


class ParameterGroup(Spec):
    """Layers that are trained otherwise than the rest.

    Of several groups that say the same of a layer, the last one counts.
    """

    layers: str
    """Their names, with * for any letters: encoder.layers.0.*"""
    learning_rate_scale: PositiveFloat | None = None
    """What the learning rate is multiplied by."""
    weight_decay: NonNegativeFloat | None = None
    """The decay of their matrices, in place of the optimizer's."""

    @model_validator(mode="after")
    def _does_something(self):
        if self.learning_rate_scale is None and self.weight_decay is None:
            raise ValueError("write 'learning_rate_scale' or 'weight_decay'")
        return self


class UpdateRule(NamedTuple):
    """How one weight is trained."""

    rate_scale: float
    decay: float
    matrix: bool
    """Whether it is a matrix or a table, and no norm or bias."""


def treatment(recipe, layer: str, shape: tuple, depths: dict[str, int]) -> UpdateRule:
    """How the weight of a layer is trained; `depths` is how many layers each stack has."""
    matrix = decays(layer, shape)
    decay = getattr(recipe.optimizer, "weight_decay", 0.0) if matrix else 0.0
    scale = 1.0
    for group in recipe.parameter_groups:
        if fnmatchcase(layer, group.layers):
            scale = group.learning_rate_scale or scale
            if group.weight_decay is not None and matrix:
                decay = group.weight_decay
    by_depth = recipe.layer_rate_decay ** _below_the_top(layer, depths)
    return UpdateRule(scale * by_depth, decay, matrix)


def is_frozen(recipe, layer: str) -> bool:
    """Whether a layer stays as it is."""
    return any(fnmatchcase(layer, pattern) for pattern in recipe.freeze)


def optimizer_for(experiment, model):
    """The Keras optimizer of an experiment on `model`, each weight with its treatment.

    Weights that are frozen are marked so, and are no trainable weights from here on.
    """
    return bound(experiment.training, model, experiment.model.layer_counts())


def bound(recipe, model, depths: dict[str, int]):
    """The same of a recipe; `depths` is how many layers each stack has."""
    optimizer = recipe.optimizer.build()
    if isinstance(recipe.average, Exponential):
        optimizer.use_ema, optimizer.ema_momentum = True, recipe.average.decay
    treatments = {}
    for layer in model.layers:
        for weight in layer.weights:
            if is_frozen(recipe, layer.name):
                weight.trainable = False
            treatments[weight.path] = treatment(recipe, layer.name, weight.shape, depths)
    weights = model.trainable_variables
    optimizer.build(weights)
    ordered = [treatments[weight.path] for weight in weights]
    plain, inside = optimizer.update_step, getattr(optimizer, "decaying_step", None)

    def update_step(gradient, variable, learning_rate):
        scale, decay, matrix = ordered[optimizer._get_variable_index(variable)]
        rate = learning_rate * scale
        if inside is not None:
            inside(gradient, variable, rate, decay, matrix)
            return
        if decay:
            optimizer.assign_sub(variable, variable * (decay * rate))
        plain(gradient, variable, rate)

    optimizer.update_step = update_step
    return optimizer


def problems(recipe, names: Iterable[str]) -> Iterator[Problem]:
    """Patterns that match none of the layers' names, and freezing them all."""
    names = list(names)
    patterns = [
        *((("freeze", place), pattern) for place, pattern in enumerate(recipe.freeze)),
        *(
            (("parameter_groups", place, "layers"), group.layers)
            for place, group in enumerate(recipe.parameter_groups)
        ),
    ]
    for path, pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            match = near(pattern, names, cutoff=0.3)
            hint = f"; there is {match!r}" if match else ""
            yield Problem(path, f"no layer is called {pattern!r}{hint}")
    if names and all(is_frozen(recipe, name) for name in names):
        yield Problem(("freeze",), "nothing would be left to train")


def _below_the_top(layer: str, depths: dict[str, int]) -> int:
    """How many layers lie above: none above the heads, all of a stack above its embeddings."""
    inside = re.match(r"(encoder|decoder)\.layers\.(\d+)\.", layer)
    if inside:
        return depths[inside[1]] - int(inside[2])
    if layer.startswith(("embeddings", "positions")):
        return max(depths.values()) + 1
    return depths["decoder"] + 1 if layer.startswith("decoder_embeddings") else 0
