"""Pieces of raw text in a tokenizer.json, as SentencePiece models made elsewhere are converted."""

from archbuilder.text.tokenizer.sentencepiece_training import SPACE
from archbuilder.text.tokenizer.tokenizer_json import TokenizerJsonVocabulary


class SentencePieceJsonVocabulary(TokenizerJsonVocabulary):
    """BPE or unigram pieces, spaces included, over the `tokenizers` library."""

    kind = "sentencepiece_json"
    models = ("Unigram", "BPE")

    @property
    def byte_ids(self) -> tuple[int, ...]:
        return tuple(i for i in range(self.size) if _is_byte(self.id_to_token(i)))

    def _cut(self, line: str) -> list[str]:
        return [line]

    def _cut_locally(self) -> bool:
        return False  # A piece may reach over spaces.

    def _decode(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=False)

    def _starts_word(self, token_id: int) -> bool:
        return token_id in self._added or self.id_to_token(token_id).startswith(SPACE)


def _is_byte(token: str) -> bool:
    return len(token) == 6 and token.startswith("<0x") and token.endswith(">")
