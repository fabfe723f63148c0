"""What an objective may be called: its layers, inputs, outputs and metrics carry its name."""

import re
from collections.abc import Iterable, Iterator

from archbuilder.language import Problem

STACKS = {f"{side}{part}" for side in ("", "decoder_") for part in ("embeddings", "positions")}
LAYERS = {*STACKS, "encoder", "decoder", "pooler", "output"}
"""What the parts of any network are called."""
STREAMS = {"sequence", "pooled", "decoder_sequence", "load_balancing"}
"""What any network gives."""
SIDES = ("", "encoder_", "decoder_")
ARRAYS = {f"{side}{array}" for side in SIDES for array in ("token_ids", "padding_mask", "targets")}
"""What batches hold, whoever wants it, with `segment_ids` and `pair_class`."""
TAKEN = LAYERS | STREAMS | ARRAYS | {"segment_ids", "pair_class", "validation"}

OWN = ("positions", "targets", "weights", "share")
GENERATOR = tuple(f"generator_{key}" for key in (*OWN, "slots", "draws"))
SUFFIXES = (*OWN, "generator", *GENERATOR)
"""What stands behind an objective's name in a batch."""


def name_problems(names: Iterable[str]) -> Iterator[Problem]:
    """One for each name that is no name, or that would mean two things in one model or batch."""
    names = list(names)
    for name in names:
        if not re.fullmatch("[a-z][a-z0-9_]*", name):
            sentence = "a name is a small letter, then small letters, digits and '_'"
        elif name in TAKEN:
            sentence = f"'{name}' is something else in a model or a batch; choose another name"
        elif other := next((one for one in names if name in _derived(one)), None):
            sentence = f"'{name}' belongs to the objective '{other}' already; choose another name"
        else:
            continue
        yield Problem((name,), sentence)


def _derived(name: str) -> set[str]:
    return {f"{name}_{suffix}" for suffix in SUFFIXES} | {f"validation_{name}"}
