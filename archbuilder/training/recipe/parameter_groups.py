"""Which weights are trained, at what share of the rate, and with how much decay."""

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pydantic import NonNegativeFloat, PositiveFloat, model_validator

from archbuilder.language import Problem, Spec, near
from archbuilder.network.layer_role import LayerRole, role_of
from archbuilder.training.keras_internals import replace_update_step, variable_index
from archbuilder.training.recipe.optimizer import Muon, Optimizer
from archbuilder.training.recipe.weight_averaging import ExponentialMovingAverage, WeightAveraging

if TYPE_CHECKING:
    import keras


class ParameterGroup(Spec):
    """Layers that are trained otherwise than the rest.

    Of several groups that say the same of a layer, the last one counts.
    """

    layers: str
    """Their names, with * for any letters: encoder.layers.0.*"""
    learning_rate_multiplier: PositiveFloat | None = None
    """What the learning rate is multiplied by."""
    weight_decay: NonNegativeFloat | None = None
    """The decay of their matrices, in place of the optimizer's."""

    @model_validator(mode="after")
    def _does_something(self):
        if self.learning_rate_multiplier is None and self.weight_decay is None:
            raise ValueError("write 'learning_rate_multiplier' or 'weight_decay'")
        return self


class UpdateRecipe(Protocol):
    """The fields of `training` that updates of weights depend on."""

    @property
    def optimizer(self) -> Optimizer: ...

    @property
    def weight_averaging(self) -> WeightAveraging | None: ...

    @property
    def layerwise_learning_rate_decay(self) -> float: ...

    @property
    def parameter_groups(self) -> Sequence[ParameterGroup]: ...

    @property
    def freeze(self) -> Sequence[str]: ...


class UpdateRule(NamedTuple):
    """How one weight is trained."""

    rate_scale: float
    decay: float
    matrix: bool
    """Whether it is a matrix or a table, and no norm or bias."""


def update_rule(
    recipe: UpdateRecipe, layer: str, role: LayerRole, shape: tuple[int, ...]
) -> UpdateRule:
    """Return how a weight is trained.

    Args:
        recipe: The training section of the spec.
        layer: Name of the weight's layer.
        role: Role of the weight's layer.
        shape: Shape of the weight.
    """
    matrix = role.decays_weight(shape)
    decay = getattr(recipe.optimizer, "weight_decay", 0.0) if matrix else 0.0
    scale = 1.0
    for group in recipe.parameter_groups:
        if fnmatchcase(layer, group.layers):
            scale = group.learning_rate_multiplier or scale
            if group.weight_decay is not None and matrix:
                decay = group.weight_decay
    by_depth = recipe.layerwise_learning_rate_decay**role.distance_to_heads
    return UpdateRule(scale * by_depth, decay, matrix)


def is_frozen(recipe: UpdateRecipe, layer: str) -> bool:
    """Return whether a layer is not trained."""
    return any(fnmatchcase(layer, pattern) for pattern in recipe.freeze)


def build_optimizer(recipe: UpdateRecipe, model: "keras.Model") -> "keras.optimizers.Optimizer":
    """Return the Keras optimizer of a recipe on `model`, with each weight's update rule.

    Frozen weights are marked as not trainable.
    """
    optimizer = recipe.optimizer.build()
    if isinstance(recipe.weight_averaging, ExponentialMovingAverage):
        optimizer.use_ema, optimizer.ema_momentum = True, recipe.weight_averaging.momentum
    if isinstance(recipe.optimizer, Muon):
        optimizer.exclude_layers = [_not_orthogonalized(model)]
    rules = {}
    for layer in model.layers:
        for weight in layer.weights:
            if is_frozen(recipe, layer.name):
                weight.trainable = False
            rules[weight.path] = update_rule(recipe, layer.name, role_of(layer), weight.shape)
    weights = model.trainable_variables
    optimizer.build(weights)
    ordered = [rules[weight.path] for weight in weights]
    plain, inside = optimizer.update_step, getattr(optimizer, "decaying_step", None)

    def update_step(gradient: Any, variable: "keras.Variable", learning_rate: Any) -> None:
        scale, decay, matrix = ordered[variable_index(optimizer, variable)]
        rate = learning_rate * scale
        if inside is not None:
            inside(gradient, variable, rate, decay, matrix)
            return
        if decay:
            optimizer.assign_sub(variable, variable * (decay * rate))
        plain(gradient, variable, rate)

    replace_update_step(optimizer, update_step)
    return optimizer


def _not_orthogonalized(model: "keras.Model") -> str:
    """Return a pattern of the paths of the weights that Muon leaves to Adam."""
    names = [re.escape(one.name) for one in model.layers if not role_of(one).stack_matrix]
    return f"^({'|'.join(names)})/"


def problems(recipe: UpdateRecipe, names: Iterable[str]) -> Iterator[Problem]:
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
