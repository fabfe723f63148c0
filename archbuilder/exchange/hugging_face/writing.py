"""A folder of Hugging Face's out of a run: configuration, weights and tokenizer."""

from pathlib import Path
from typing import Any

import numpy as np

from archbuilder.errors import UserError
from archbuilder.exchange.hugging_face import weights
from archbuilder.exchange.hugging_face.folder import write
from archbuilder.exchange.hugging_face.spec import config_of, head_of, layout_of
from archbuilder.exchange.hugging_face.tokenizer import tokenizer_files
from archbuilder.experiment import Experiment
from archbuilder.text.vocabulary import Vocabulary


def write_folder(
    folder: Path,
    experiment: Experiment,
    ours: dict[str, np.ndarray],
    vocabularies: tuple[Vocabulary, Vocabulary] | None,
) -> str:
    """Write an experiment's model, `ours` being its weights by path, and its tokenizer.

    `vocabularies` are what reads its text and what writes it. Gives a sentence where there can be
    no such tokenizer, and else nothing. Raises `UserError` for what their files cannot say of
    the model, by its place in the spec.
    """
    fields = config_of(experiment)
    layout = layout_of(fields["model_type"], experiment.model)
    vocabulary = vocabularies[0] if vocabularies else None
    fields |= _special_ids(fields["model_type"], experiment.model, vocabulary)
    files, told = {}, "the model reads ids, and has no tokenizer"
    if vocabularies is not None:
        try:
            files, told = tokenizer_files(vocabularies, experiment), ""
        except UserError as mistake:  # The model is of use without it.
            told = f"written without a tokenizer: {mistake}"
    theirs = weights.theirs(layout, _by_type(ours, experiment))
    if fields["model_type"] == "roberta" and vocabulary is not None:
        _begin_behind_padding(fields, theirs, layout.names["positions"], vocabulary.padding_id)
    write(folder, fields, theirs)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return told


def _by_type(ours: dict[str, np.ndarray], experiment: Experiment) -> dict[str, np.ndarray]:
    """The weights with their heads called by the type of the objective, not by its name."""
    found = {}
    for path, array in ours.items():
        first, dot, rest = path.replace("/", "./", 1).partition(".")
        objective = experiment.objectives.get(first)
        head = first if objective is None else head_of(objective.type)
        found[f"{head}{dot}{rest}".replace("./", "/", 1)] = array
    return found


def _special_ids(kind: str, model, vocabulary: Vocabulary | None) -> dict[str, int | None]:
    """The ids of special tokens; theirs would be those of another vocabulary unless told."""
    roles = {"pad": "padding", "bos": "start", "eos": "end"}
    if kind == "modernbert":
        roles |= {"cls": "start", "sep": "end"}
    if kind == "roberta":
        del roles["pad"]  # It decides where positions begin.
    if vocabulary is None:
        return {f"{theirs}_token_id": None for theirs in roles}
    if model.is_encoder_decoder:
        roles["decoder_start"] = "start"
    return {f"{their}_token_id": getattr(vocabulary, f"{our}_id") for their, our in roles.items()}


def _begin_behind_padding(
    fields: dict[str, Any], theirs: dict[str, np.ndarray], layer: str, padding_id: int
) -> None:
    """Move the table of positions: theirs begins behind the id of the padding token."""
    name, before = f"{layer}.weight", fields["pad_token_id"] + 1
    table = theirs[name][before:]
    theirs[name] = np.pad(table, ((padding_id + 1, 0), (0, 0)))
    fields["pad_token_id"] = padding_id
    fields["max_position_embeddings"] = len(theirs[name])
