"""Stable, unique names of the variables of a model and its optimizer."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from archbuilder.errors import UserError


def name_variables(
    model: keras.Model, optimizer: keras.optimizers.Optimizer
) -> dict[str, keras.Variable]:
    """Return all that a step reads and changes by name, the same in each process.

    Keras's own paths are not: it numbers seed generators and optimizers with global counters.
    A weight is named by its path, a seed by its layer, and an optimizer's variable by its path
    below `optimizer`, or below `loss_scale` if it belongs to loss scaling.
    """
    pairs = [*_of_model(model), *_of_optimizer(optimizer)]
    repeats: Counter[str] = Counter()
    variables = {}
    for name, variable in pairs:
        repeats[name] += 1
        variables[name if repeats[name] == 1 else f"{name}~{repeats[name]}"] = variable
    return variables


def require_same_variables(variables: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Raise `UserError` unless each variable has an array of its name and shape, and no more."""
    for name, variable in variables.items():
        if name not in arrays:
            raise _mismatch(f"it has no variable {name}")
        stored, shape = tuple(arrays[name].shape), tuple(variable.shape)
        if stored != shape:
            raise _mismatch(f"{name} has shape {stored} there and {shape} here")
    for name in arrays:
        if name not in variables:
            raise _mismatch(f"its variable {name} is not in the model or its optimizer")


def _mismatch(reason: str) -> UserError:
    return UserError(f"the checkpoint's weights do not fit this spec's model: {reason}")


def _of_model(model: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    named = set()
    for layer in model.layers:
        weights = {id(weight) for weight in layer.weights}
        for variable in layer.variables:
            if id(variable) in named:  # Tied layers share it.
                continue
            named.add(id(variable))
            is_weight = id(variable) in weights
            yield variable.path if is_weight else f"{layer.name}/seed", variable


def _of_optimizer(optimizer: Any) -> Iterator[tuple[str, keras.Variable]]:
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    yield from _below("optimizer", inner.variables)
    if inner is not optimizer:
        own = {id(variable) for variable in inner.variables}
        yield from _below("loss_scale", (one for one in optimizer.variables if id(one) not in own))


def _below(prefix: str, variables: Iterable[Any]) -> Iterator[tuple[str, keras.Variable]]:
    for variable in variables:
        yield f"{prefix}/{variable.path.partition('/')[2]}", variable
