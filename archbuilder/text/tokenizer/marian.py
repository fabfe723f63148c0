"""Vocabularies of Marian models: SentencePiece models with a separate table of token ids."""

import json

from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.sentencepiece_training import SPACE
from archbuilder.text.vocabulary import Vocabulary

PIECES, TABLE = "spm.model", "vocab.json"
_LANGUAGE = (">>", "<<")
"""Characters before and after the name of the target language at the start of a line."""


class MarianVocabulary(Vocabulary):
    """A SentencePiece model and a table of ids that the pieces of another language may share.

    A line may start with the language to translate into, a token such as ">>de<<" (Tiedemann and
    Thottingal, 2020).
    """

    kind = "marian"

    def __init__(self, files: dict[str, bytes]) -> None:
        from sentencepiece import SentencePieceProcessor

        if not files[PIECES]:
            raise UserError("the SentencePiece model is empty")
        self._processor = SentencePieceProcessor(model_proto=files[PIECES])
        table = json.loads(files[TABLE])
        ids = table.values() if isinstance(table, dict) else [None]
        if not all(type(token_id) is int and token_id >= 0 for token_id in ids):
            raise UserError(f"{TABLE} must map each token to a non-negative id")
        self._ids: dict[str, int] = table
        self._tokens = {token_id: token for token, token_id in table.items()}
        super().__init__(files)

    @property
    @override
    def size(self) -> int:
        return 1 + max(self._tokens, default=-1)

    @override
    def id_to_token(self, token_id: int) -> str:
        # The ids of a table may have gaps.
        return self._tokens.get(token_id) or self._tokens[self.unknown_id]

    @override
    def _token_to_id(self, token: str) -> int | None:
        return self._ids.get(token)

    @override
    def _encode(self, lines: list[str]) -> list[list[int]]:
        split_lines = [_split_language(line) for line in lines]
        encoded = self._processor.EncodeAsPieces([text for _, text in split_lines])
        return [
            [self._ids.get(piece, self.unknown_id) for piece in (*language, *pieces)]
            for (language, _), pieces in zip(split_lines, encoded, strict=True)
        ]

    @override
    def _decode(self, ids: list[int]) -> str:
        return self._processor.DecodePieces([self.id_to_token(i) for i in ids])

    @override
    def _starts_word(self, token_id: int) -> bool:
        return self.id_to_token(token_id).startswith(SPACE)


def _split_language(line: str) -> tuple[list[str], str]:
    """Return the language token at the start of a line, if there is one, and the rest."""
    before, after = _LANGUAGE
    name, separator, text = line.partition(after)
    return ([name + separator], text) if line.startswith(before) and separator else ([], line)
