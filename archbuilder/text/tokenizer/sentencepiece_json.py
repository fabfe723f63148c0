"""SentencePiece models that were converted to a tokenizer.json."""

from typing_extensions import override

from archbuilder.text.tokenizer.sentencepiece_training import SPACE
from archbuilder.text.tokenizer.tokenizer_json import TokenizerJsonVocabulary


class SentencePieceJsonVocabulary(TokenizerJsonVocabulary):
    """BPE or unigram pieces, spaces included, implemented by the `tokenizers` library."""

    kind = "sentencepiece_json"
    models = ("Unigram", "BPE")

    @property
    @override
    def byte_ids(self) -> tuple[int, ...]:
        return tuple(i for i in range(self.size) if _is_byte(self.id_to_token(i)))

    @override
    def _split_chunks(self, line: str) -> list[str]:
        return [line]

    @override
    def _has_independent_chunks(self) -> bool:
        return False  # A piece may contain spaces.

    @override
    def _decode(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=False)

    @override
    def _starts_word(self, token_id: int) -> bool:
        return token_id in self._added or self.id_to_token(token_id).startswith(SPACE)


def _is_byte(token: str) -> bool:
    return len(token) == 6 and token.startswith("<0x") and token.endswith(">")
