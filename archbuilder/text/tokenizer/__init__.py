"""How text is cut into tokens: what is trained on the text, and how."""

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.byte_level_bpe import ByteLevelBPE, ByteLevelVocabulary
from archbuilder.text.tokenizer.byte_tokenizer import Bytes, ByteVocabulary
from archbuilder.text.tokenizer.characters import Characters, CharacterVocabulary
from archbuilder.text.tokenizer.marian import MarianVocabulary
from archbuilder.text.tokenizer.sentencepiece import SentencePiece, SentencePieceVocabulary
from archbuilder.text.tokenizer.sentencepiece_json import ConvertedPiecesVocabulary
from archbuilder.text.tokenizer.whitespace import Whitespace, WhitespaceVocabulary
from archbuilder.text.tokenizer.wordpiece import WordPiece, WordPieceVocabulary
from archbuilder.text.vocabulary import Vocabulary

__all__ = [
    "KINDS",
    "ByteLevelBPE",
    "Bytes",
    "Characters",
    "SentencePiece",
    "Tokenizer",
    "Whitespace",
    "WordPiece",
    "load_vocabulary",
]

KINDS = {
    kind.__name__: kind
    for kind in (
        ByteLevelVocabulary,
        ByteVocabulary,
        CharacterVocabulary,
        ConvertedPiecesVocabulary,
        MarianVocabulary,
        SentencePieceVocabulary,
        WhitespaceVocabulary,
        WordPieceVocabulary,
    )
}


def load_vocabulary(folder: Path) -> Vocabulary:
    """The vocabulary that was saved into a folder."""
    try:
        kind = json.loads((folder / "tokenizer.config.json").read_text(encoding="utf-8"))
        files = {name: (folder / name).read_bytes() for name in kind["files"]}
        return KINDS[kind["kind"]](files)
    except Exception as error:  # The libraries raise plain exceptions.
        raise UserError(f"{folder}: the tokenizer cannot be read ({error})") from error


Tokenizer = Annotated[
    Whitespace | Characters | WordPiece | ByteLevelBPE | SentencePiece | Bytes,
    Field(discriminator="type"),
]
