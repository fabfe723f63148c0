"""An experiment out of a folder of Hugging Face's, with the weights and the tokenizer there."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archbuilder.errors import UserError
from archbuilder.exchange.hugging_face import weights
from archbuilder.exchange.hugging_face.folder import CONFIG, Arrays, read_json
from archbuilder.exchange.hugging_face.names import LAYOUTS, Layout
from archbuilder.exchange.hugging_face.spec import experiment_of, layout_of
from archbuilder.exchange.hugging_face.tokenizer import read_tokenizer
from archbuilder.experiment import Experiment
from archbuilder.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Found:
    """What a folder holds."""

    experiment: Experiment
    """Its model, and an objective for each head that is there."""
    weights: dict[str, np.ndarray]
    """By path, as the experiment's Keras model has them."""
    vocabularies: tuple[Vocabulary, Vocabulary] | None
    """What reads its text and what writes it, if it holds a tokenizer that can be read."""
    left_out: list[str]
    """What is not taken, a sentence each."""


def read_folder(folder: Path, name: str) -> Found:
    """The model in a folder, as an experiment called `name`.

    Raises `UserError` for what a spec cannot say, by its name.
    """
    fields = read_json(folder / CONFIG)
    layout = LAYOUTS.get(str(fields.get("model_type")), Layout({}))
    arrays = Arrays(folder, layout.body)
    experiment = experiment_of(fields, name, _holds(layout, arrays))
    layout = layout_of(fields["model_type"], experiment.model)
    found = {}
    for layer, parts in experiment.ledger().weights.items():
        for weight, shape in parts.items():
            path = f"{layer}/{weight}"
            found[path] = _weight(layout, path, shape, arrays)
    left = _heads(layout, arrays, experiment.objectives)
    told = [f"no objective reads the weights {name}" for name in left]
    try:
        vocabularies = _vocabularies(folder, fields, experiment.model.vocabulary_size)
    except UserError as mistake:  # The model is of use without it.
        vocabularies = None
        told.append(f"{mistake}: the model reads ids, and no lines of text")
    return Found(experiment, found, vocabularies, told)


def _vocabularies(folder: Path, fields: dict, most: int) -> tuple[Vocabulary, Vocabulary]:
    found = read_tokenizer(folder, fields)
    if found is None:
        raise UserError(f"{folder}: holds no tokenizer")
    size = max(one.size for one in found)
    if size > most:
        raise UserError(f"{folder}: its tokenizer has {size} tokens, its model {most}")
    return found


def _holds(layout: Layout, arrays: Arrays) -> Callable[[str], bool]:
    """Tells of a part or head whether there are weights of it; those without any are there."""

    def holds(part: str) -> bool:
        whole = layout.names.get(part, "")
        if whole.startswith("="):
            return whole[1:] in arrays and bool(arrays[whole[1:]].any())
        own = [
            theirs.partition("[")[0]
            for ours, theirs in layout.names.items()
            if ours == part or ours.startswith(f"{part}.")
        ]
        return all(f"{name}.weight" in arrays or f"{name}.bias" in arrays for name in own)

    return holds


def _weight(layout: Layout, path: str, shape: tuple[int, ...], arrays: Arrays) -> np.ndarray:
    place = weights.Place(layout, path)
    theirs = arrays[place.name]
    try:
        return place.ours(theirs, shape)
    except ValueError:
        raise UserError(
            f"{arrays.folder}: the weights {place.name!r} are {list(theirs.shape)}, "
            f"which is not what {CONFIG} implies"
        ) from None


def _heads(layout: Layout, arrays: Arrays, objectives: Iterable[str]) -> Iterator[str]:
    """The names of weights that are left: of heads that are no objective's, or a pooler's."""
    bodies = (f"{layout.body}.",) if layout.body else ("encoder.", "decoder.", "shared.")
    heads = [name for name in layout.names if name.partition(".")[0] in {*objectives}]
    known = ("lm_head.", *(f"{layout.names[name]}." for name in heads))
    for name in arrays.unread():
        if name.endswith("embed_positions.weight"):
            continue  # Sinusoids, which the spec computes.
        if name.startswith(known) and not name.startswith(bodies):
            raise UserError(
                f"{arrays.folder}: the weights {name!r} are others than {CONFIG} ties them to"
            )
        elif name.startswith(bodies) and ".pooler." not in name:
            raise UserError(f"{arrays.folder}: the weights {name!r} have no place in a spec")
        else:
            yield name
