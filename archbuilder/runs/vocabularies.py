"""The vocabularies of a run: one for its source text and one for its target, or one for both."""

from pathlib import Path

from archbuilder.errors import UserError
from archbuilder.text.tokenizer import load_vocabulary
from archbuilder.text.vocabulary import Vocabulary

SOURCE, TARGET = "tokenizer", "target_tokenizer"


def load_vocabularies(folder: Path) -> tuple[Vocabulary, Vocabulary]:
    """Return the vocabularies of source and target, the same object twice if they are shared.

    Raises `UserError` if there is none.
    """
    if not (folder / SOURCE).exists():
        raise UserError(f"{folder / SOURCE}: is not there; without it the model reads ids alone")
    source = load_vocabulary(folder / SOURCE)
    if not (folder / TARGET).exists():
        return source, source
    return source, load_vocabulary(folder / TARGET)


def save_vocabularies(folder: Path, vocabularies: tuple[Vocabulary, Vocabulary]) -> None:
    """Save the vocabularies of source and target; one that is shared is saved once."""
    source, target = vocabularies
    source.save(folder / SOURCE)
    if target is not source:
        target.save(folder / TARGET)
