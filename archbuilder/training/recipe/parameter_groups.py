"""Parameter groups: learning rate and weight decay of each weight, and frozen layers."""

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from pydantic import NonNegativeFloat, PositiveFloat, model_validator

from archbuilder.language import Problem, Spec, closest_name
from archbuilder.network.layer_role import LayerRole, role_of
from archbuilder.training.keras_internals import replace_update_step, variable_index
from archbuilder.training.recipe.optimizer import Muon, Optimizer
from archbuilder.training.recipe.weight_averaging import ExponentialMovingAverage, WeightAveraging

if TYPE_CHECKING:
    import keras


class ParameterGroup(Spec):
    """Layers with another learning rate or weight decay.

    If several groups set the same field of a layer, the last group applies.
    """

    layers: str
    """Pattern of the names of the layers, with wildcards, as in encoder.layers.0.*"""
    learning_rate_multiplier: PositiveFloat | None = None
    """Factor of the learning rate. Default: that of the previous groups, or 1."""
    weight_decay: NonNegativeFloat | None = None
    """Weight decay of the matrices; norms and biases have none. Default: that of the previous
    groups, or of the optimizer."""

    @model_validator(mode="after")
    def _has_an_effect(self) -> Self:
        if self.learning_rate_multiplier is None and self.weight_decay is None:
            raise ValueError("has no effect; set 'learning_rate_multiplier' or 'weight_decay'")
        return self


class UpdateRecipe(Protocol):
    """The fields of `training` that updates of weights depend on."""

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer."""
        ...

    @property
    def weight_averaging(self) -> WeightAveraging | None:
        """The average of the weights."""
        ...

    @property
    def layerwise_learning_rate_decay(self) -> float:
        """The factor between the learning rates of two consecutive layers."""
        ...

    @property
    def parameter_groups(self) -> Sequence[ParameterGroup]:
        """The layers with another learning rate or weight decay."""
        ...

    @property
    def freeze(self) -> Sequence[str]:
        """The patterns of the layers that are not trained."""
        ...


class UpdateRule(NamedTuple):
    """The learning rate and the weight decay of a weight."""

    learning_rate_multiplier: float
    decay: float
    is_matrix: bool
    """Whether the weight is a matrix or an embedding table, not a norm or a bias."""


def update_rule(
    recipe: UpdateRecipe, layer: str, role: LayerRole, shape: tuple[int, ...]
) -> UpdateRule:
    """Return the update rule of a weight.

    Args:
        recipe: The training section of the spec.
        layer: Name of the weight's layer.
        role: Role of the weight's layer.
        shape: Shape of the weight.
    """
    is_matrix = role.decays_weight(shape)
    decay = getattr(recipe.optimizer, "weight_decay", 0.0) if is_matrix else 0.0
    multiplier = 1.0
    for group in recipe.parameter_groups:
        if fnmatchcase(layer, group.layers):
            multiplier = group.learning_rate_multiplier or multiplier
            if group.weight_decay is not None and is_matrix:
                decay = group.weight_decay
    layerwise = recipe.layerwise_learning_rate_decay**role.distance_to_heads
    return UpdateRule(multiplier * layerwise, decay, is_matrix)


def is_frozen(recipe: UpdateRecipe, layer: str) -> bool:
    """Return whether a layer is frozen."""
    return any(fnmatchcase(layer, pattern) for pattern in recipe.freeze)


def build_optimizer(recipe: UpdateRecipe, model: "keras.Model") -> "keras.optimizers.Optimizer":
    """Return the Keras optimizer of a recipe, built for a model.

    It updates each weight by its own rule. Weights of frozen layers become non-trainable.

    Args:
        recipe: The training section of the spec.
        model: The model to train.
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
    rule_by_index = [rules[weight.path] for weight in weights]
    original_update_step = optimizer.update_step
    update_with_decay = getattr(optimizer, "update_with_decay", None)

    def update_step(gradient: Any, variable: "keras.Variable", learning_rate: Any) -> None:
        multiplier, decay, is_matrix = rule_by_index[variable_index(optimizer, variable)]
        rate = learning_rate * multiplier
        if update_with_decay is not None:
            update_with_decay(gradient, variable, rate, decay, is_matrix)
            return
        if decay:
            optimizer.assign_sub(variable, variable * (decay * rate))
        original_update_step(gradient, variable, rate)

    replace_update_step(optimizer, update_step)
    return optimizer


def _not_orthogonalized(model: "keras.Model") -> str:
    """Return a pattern of the paths of the weights that Adam updates in place of Muon."""
    names = [re.escape(layer.name) for layer in model.layers if not role_of(layer).stack_matrix]
    return f"^({'|'.join(names)})/"


def problems(recipe: UpdateRecipe, names: Iterable[str]) -> Iterator[Problem]:
    """Yield a problem for each pattern that matches no layer, and if all layers are frozen.

    Args:
        recipe: The training section of the spec.
        names: The names of the layers with weights.
    """
    names = list(names)
    patterns = [
        *((("freeze", index), pattern) for index, pattern in enumerate(recipe.freeze)),
        *(
            (("parameter_groups", index, "layers"), group.layers)
            for index, group in enumerate(recipe.parameter_groups)
        ),
    ]
    for path, pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            similar = closest_name(pattern, names, cutoff=0.3)
            hint = f"; did you mean {similar!r}?" if similar else ""
            yield Problem(path, f"{pattern!r} matches no layer{hint}")
    if names and all(is_frozen(recipe, name) for name in names):
        yield Problem(("freeze",), "freezes all layers; at least one must be trained")
