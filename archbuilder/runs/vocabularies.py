"""The vocabularies of a run: one for source and target, or one for each."""

from pathlib import Path

from archbuilder.errors import UserError
from archbuilder.text.tokenizer import load_vocabulary
from archbuilder.text.vocabulary import Vocabulary

SOURCE, TARGET = "tokenizer", "target_tokenizer"


def load_vocabularies(folder: Path) -> tuple[Vocabulary, Vocabulary]:
    """Return the vocabularies of source and target. A shared vocabulary is returned twice.

    Raises:
        UserError: The folder has no vocabulary.
    """
    if not (folder / SOURCE).exists():
        raise UserError(f"{folder / SOURCE}: not found; the model needs a tokenizer to read text")
    source = load_vocabulary(folder / SOURCE)
    if not (folder / TARGET).exists():
        return source, source
    return source, load_vocabulary(folder / TARGET)


def save_vocabularies(folder: Path, vocabularies: tuple[Vocabulary, Vocabulary]) -> None:
    """Save the vocabularies of source and target. A shared vocabulary is saved once."""
    source, target = vocabularies
    source.save(folder / SOURCE)
    if target is not source:
        target.save(folder / TARGET)
