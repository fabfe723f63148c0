"""Pieces of raw text whose ids a table gives, as Marian's models made elsewhere have them."""

import json

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.sentencepiece_training import SPACE
from archbuilder.text.vocabulary import Vocabulary

PIECES, TABLE = "spm.model", "vocab.json"
_LANGUAGE = (">>", "<<")
"""What stands around the name of a language that a line may begin with."""


class MarianVocabulary(Vocabulary):
    """A SentencePiece model, and a table of ids that another language's pieces may share.

    A line may begin with the language to translate into, a token such as ">>de<<" (Tiedemann and
    Thottingal, 2020).
    """

    kind = "marian"

    def __init__(self, files: dict[str, bytes]) -> None:
        from sentencepiece import SentencePieceProcessor

        if not files[PIECES]:
            raise UserError("a model of pieces is empty")
        self._processor = SentencePieceProcessor(model_proto=files[PIECES])
        table = json.loads(files[TABLE])
        ids = table.values() if isinstance(table, dict) else [None]
        if not all(type(one) is int and one >= 0 for one in ids):
            raise UserError(f"{TABLE} is not one of tokens and their ids")
        self._ids: dict[str, int] = table
        self._tokens = {token_id: token for token, token_id in table.items()}
        super().__init__(files)

    @property
    def size(self) -> int:
        return 1 + max(self._tokens, default=-1)

    def id_to_token(self, token_id: int) -> str:
        # A table's ids may have gaps.
        return self._tokens.get(token_id) or self._tokens[self.unknown_id]

    def _token_to_id(self, token: str) -> int | None:
        return self._ids.get(token)

    def _encode(self, lines: list[str]) -> list[list[int]]:
        parted = [_language_apart(line) for line in lines]
        cut = self._processor.EncodeAsPieces([text for _, text in parted])
        return [
            [self._ids.get(piece, self.unknown_id) for piece in (*language, *pieces)]
            for (language, _), pieces in zip(parted, cut, strict=True)
        ]

    def _decode(self, ids: list[int]) -> str:
        return self._processor.DecodePieces([self.id_to_token(i) for i in ids])

    def _starts_word(self, token_id: int) -> bool:
        return self.id_to_token(token_id).startswith(SPACE)


def _language_apart(line: str) -> tuple[list[str], str]:
    """The token of the language that a line names, if it does, and what follows."""
    before, after = _LANGUAGE
    name, found, text = line.partition(after)
    return ([name + found], text) if line.startswith(before) and found else ([], line)
