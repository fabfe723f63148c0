"""Tokenizers, which create a vocabulary from training text or from a file."""

import json
from pathlib import Path
from typing import Annotated, get_args

from pydantic import Field

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.byte_level_bpe import ByteLevelBPE, ByteLevelVocabulary
from archbuilder.text.tokenizer.byte_tokenizer import Bytes, ByteVocabulary
from archbuilder.text.tokenizer.characters import Characters, CharacterVocabulary
from archbuilder.text.tokenizer.marian import MarianVocabulary
from archbuilder.text.tokenizer.sentencepiece import SentencePiece, SentencePieceVocabulary
from archbuilder.text.tokenizer.sentencepiece_json import SentencePieceJsonVocabulary
from archbuilder.text.tokenizer.whitespace import Whitespace, WhitespaceVocabulary
from archbuilder.text.tokenizer.wordpiece import WordPiece, WordPieceVocabulary
from archbuilder.text.vocabulary import CLASS_NAMES, CONFIG_FILE, Vocabulary

__all__ = [
    "VOCABULARY_CLASSES",
    "AnyVocabulary",
    "ByteLevelBPE",
    "Bytes",
    "Characters",
    "SentencePiece",
    "Tokenizer",
    "Whitespace",
    "WordPiece",
    "load_vocabulary",
]

Tokenizer = Annotated[
    Whitespace | Characters | WordPiece | ByteLevelBPE | SentencePiece | Bytes,
    Field(discriminator="type"),
]
AnyVocabulary = (
    WhitespaceVocabulary
    | CharacterVocabulary
    | WordPieceVocabulary
    | ByteLevelVocabulary
    | SentencePieceVocabulary
    | ByteVocabulary
    | MarianVocabulary
    | SentencePieceJsonVocabulary
)
"""Vocabularies of the tokenizers, and the two that only imported models have."""
VOCABULARY_CLASSES: dict[str, type[Vocabulary]] = {cls.kind: cls for cls in get_args(AnyVocabulary)}
"""Vocabulary classes by their `kind`."""


def load_vocabulary(folder: Path) -> Vocabulary:
    """Return the vocabulary saved in a folder. Raise `UserError` if it cannot be read."""
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        files = {name: (folder / name).read_bytes() for name in config["files"]}
        kind = str(config["kind"])
        by_class_name = {name: kind for kind, name in CLASS_NAMES.items()}
        return VOCABULARY_CLASSES[by_class_name.get(kind, kind)](files)
    except Exception as error:  # The libraries raise plain exceptions.
        raise UserError(f"{folder}: the tokenizer cannot be read ({error})") from error
