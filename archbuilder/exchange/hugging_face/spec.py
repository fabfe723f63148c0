"""Specs out of configurations, whatever the architecture, and configurations out of specs."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import ValidationError

from archbuilder.errors import UserError
from archbuilder.exchange.hugging_face.config import Config
from archbuilder.exchange.hugging_face.kinds import KINDS, Heads, candidates
from archbuilder.exchange.hugging_face.names import LAYOUTS, Layout
from archbuilder.experiment import Experiment
from archbuilder.network.backbone import BackboneConfig
from archbuilder.network.stack import StackConfig

WRITING = ("sequence_to_sequence", "span_corruption", "denoising")
"""Objectives with the same head: what differs is what is read and written."""
_LAYER = r"\.layer \d+"
_IN_TRAINING = ("dropout", "final_dropout", "stochastic_depth")
"""Fields of a network that outputs do not depend on; how weights begin is another."""


def spec_of(fields: dict[str, Any], name: str, holds: Callable[[str], bool]) -> dict[str, Any]:
    """The plain spec, called `name`, of the architecture that the fields describe.

    `holds` tells of a part of the model, or of a head, whether there are weights of it. Raises
    `UserError` for an architecture, or a field, that the language has no words for.
    """
    kind = fields.get("model_type")
    if not isinstance(kind, str) or kind not in KINDS:
        known = ", ".join(KINDS)
        raise UserError(f"config.json: model_type {kind!r} is not known; there are {known}")
    config = Config(fields, holds)
    try:
        model, heads = KINDS[kind].read(config)
    except (TypeError, AttributeError, LookupError, ValueError, ArithmeticError) as error:
        raise UserError(
            f"config.json: is not that of a whole {kind}: a field is missing or of another type"
        ) from error
    config.finish()
    heads = {head: settings for head, settings in heads.items() if holds(head)}
    reads_pooled = not heads or "next_sentence" in heads or "sentence_order" in heads
    if not (reads_pooled and holds("pooler")):
        model.pop("pooler", None)
    return {"name": name, "model": model, "objectives": heads}


def experiment_of(fields: dict[str, Any], name: str, holds: Callable[[str], bool]) -> Experiment:
    """The same as an experiment, sound in itself. Raises `UserError` where it is not."""
    plain = spec_of(fields, name, holds)
    try:
        experiment = Experiment.model_validate(plain)
    except ValidationError as error:
        first = error.errors()[0]
        raise _unsound(first["loc"], first["msg"]) from error
    parts = {"model": experiment.model, "objectives": experiment.objectives}
    for mistake in Experiment.problems(parts):
        raise _unsound(mistake.path, mistake.sentence)
    return experiment


def _unsound(path: tuple, sentence: str) -> UserError:
    return UserError(
        f"config.json: as a spec it is not sound: {'.'.join(map(str, path))}: {sentence}"
    )


def config_of(experiment: Experiment) -> dict[str, Any]:
    """The fields of a `config.json` of the experiment's network, its `model_type` among them.

    They are read again and compared: raises `UserError` for what they cannot say.
    """
    model, heads = experiment.model, heads_of(experiment)
    best: tuple[list[str], dict] | None = None
    for name, kind in candidates(model).items():
        fields = _written(name, kind, model, heads)
        if fields is None:
            continue
        try:
            lacks = list(unsaid(fields, experiment))
        except UserError:  # Something is not there that it needs, or not as it needs it.
            continue
        if "architectures" not in fields:
            lacks.append(f"objectives: {', '.join(heads)} together")
        if not lacks:
            return fields
        if best is None or len(lacks) < len(best[0]):
            best = lacks, fields
    if best is None:
        raise UserError("no architecture of Hugging Face's is like this model")
    lacks, fields = best
    raise UserError(
        f"closest to this model is {fields['model_type']} of Hugging Face's, whose configuration "
        f"cannot say {'; '.join(lacks[:3])}"
    )


def unsaid(fields: dict[str, Any], experiment: Experiment) -> Iterator[str]:
    """What a configuration does not say of an experiment's network, by its place in the spec."""
    model, heads = experiment.model, heads_of(experiment)
    own = {*heads, *experiment.ledger().weights}
    found = experiment_of(fields, "found", lambda part: part in own)
    differences = _differences(_as_it_runs(found.model), _as_it_runs(model), "model")
    yield from dict.fromkeys(differences)
    for name, head in heads_of(found).items():
        for field in ("activation", "norm", "transform_bias"):
            ours, theirs = (getattr(one, field, None) for one in (heads[name], head))
            if ours != theirs:
                yield f"objectives.{name}.{field}: {_told(ours)}"


def heads_of(experiment: Experiment) -> Heads:
    """The objectives of an experiment by their types."""
    return {head_of(one.type): one for one in experiment.objectives.values()}


def head_of(objective_type: str) -> str:
    """The type of the objectives that have the same head."""
    return WRITING[0] if objective_type in WRITING else objective_type


def layout_of(kind: str, model: BackboneConfig) -> Layout:
    """Where the weights of an architecture stand in its files."""
    encoder = model.encoder
    gated = kind == "t5" and encoder is not None and encoder.feed_forward.type == "gated"
    return LAYOUTS["t5_gated" if gated else kind]


def _written(name: str, kind, model: BackboneConfig, heads: Heads) -> dict[str, Any] | None:
    """The configuration; None where the model has not even the parts that it tells of."""
    try:
        fields = kind.write(model, heads)
    except AttributeError:
        return None
    which = kind.classes.get(tuple(heads)) or kind.classes.get(tuple(sorted(heads)))
    return {
        "model_type": name,
        **({"architectures": [which]} if which else {}),
        **fields,
    }


def _as_it_runs(model: BackboneConfig) -> dict[str, Any]:
    """A plain model, each layer for itself, without what only training or nothing depends on."""
    plain = model.model_dump(mode="json", exclude={"encoder", "decoder", "initializer"})
    for side in ("encoder", "decoder"):
        stack = getattr(model, side)
        if stack is not None:
            plain[side] = _stack(stack, model, causal_with_memory=side == "decoder")
    if model.is_encoder_decoder and model.target_vocabulary_size == model.vocabulary_size:
        plain["target_vocabulary_size"] = None
    return _without_training(plain)


def _stack(stack: StackConfig, model: BackboneConfig, causal_with_memory: bool) -> dict[str, Any]:
    dim = model.hidden_dim
    plain = {
        "num_layers": stack.num_layers,
        "num_layer_groups": stack.num_layers // stack.layers_in_group,
        "skip_first_norm": stack.skip_first_norm,
        "final_norm": stack.norm_placement != "post"
        if stack.final_norm is None
        else stack.final_norm,
    }
    layers = []
    for layer in stack.layers:
        told = layer.model_dump(mode="json", include=set(type(layer).model_fields))
        told["attention"] = layer.attention.resolved(dim)
        crosses = causal_with_memory and model.is_encoder_decoder
        across = layer.cross_attention or layer.attention.for_cross_attention()
        told["cross_attention"] = across.resolved(dim) if crosses else None
        layers.append(told)
    return plain | {f"layer {number}": layer for number, layer in enumerate(layers)}


def _without_training(plain: Any) -> Any:
    if not isinstance(plain, dict):
        return plain
    kept = {name: inner for name, inner in plain.items() if name not in _IN_TRAINING}
    return {name: _without_training(inner) for name, inner in kept.items()}


def _differences(theirs: Any, ours: Any, path: str) -> Iterator[str]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in {**ours, **theirs}:
            yield from _differences(theirs.get(key), ours.get(key), f"{path}.{key}")
    elif theirs != ours:
        yield f"{re.sub(_LAYER, '', path)}: {_told(ours)}"


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("type", value))
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else f"{value}"
    )
