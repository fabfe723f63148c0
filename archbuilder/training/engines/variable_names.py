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
    """Return all variables that a step reads or changes, by a name that is stable across processes.

    The paths of Keras are not stable, as they number seed generators and optimizers with global
    counters. A weight has the name of its path, a seed that of its layer, and an optimizer variable
    that of its path under `optimizer`, or under `loss_scale` if it belongs to loss scaling.

    Args:
        model: The model.
        optimizer: The optimizer, built for the model.
    """
    pairs = [*_of_model(model), *_of_optimizer(optimizer)]
    repeats: Counter[str] = Counter()
    variables = {}
    for name, variable in pairs:
        repeats[name] += 1
        variables[name if repeats[name] == 1 else f"{name}~{repeats[name]}"] = variable
    return variables


def require_same_variables(variables: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Raise `UserError` unless names and shapes of variables and arrays are the same."""
    for name, variable in variables.items():
        if name not in arrays:
            raise _mismatch(f"it lacks variable {name}")
        stored, shape = tuple(arrays[name].shape), tuple(variable.shape)
        if stored != shape:
            raise _mismatch(f"{name} has shape {stored}, expected {shape}")
    for name in arrays:
        if name not in variables:
            raise _mismatch(f"variable {name} is not part of the model or its optimizer")


def _mismatch(reason: str) -> UserError:
    return UserError(f"the checkpoint does not match the model of this spec: {reason}")


def _of_model(model: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    seen = set()
    for layer in model.layers:
        weights = {id(weight) for weight in layer.weights}
        for variable in layer.variables:
            if id(variable) in seen:  # Tied layers share it.
                continue
            seen.add(id(variable))
            is_weight = id(variable) in weights
            yield variable.path if is_weight else f"{layer.name}/seed", variable


def _of_optimizer(optimizer: Any) -> Iterator[tuple[str, keras.Variable]]:
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    yield from _under("optimizer", inner.variables)
    if inner is not optimizer:
        own = {id(variable) for variable in inner.variables}
        yield from _under("loss_scale", (v for v in optimizer.variables if id(v) not in own))


def _under(prefix: str, variables: Iterable[Any]) -> Iterator[tuple[str, keras.Variable]]:
    for variable in variables:
        yield f"{prefix}/{variable.path.partition('/')[2]}", variable
