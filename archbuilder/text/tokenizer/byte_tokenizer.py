"""Tokenization into the bytes of UTF-8, which represents every text and needs no training."""

import json
from collections.abc import Iterable
from typing import ClassVar, Literal

import numpy as np
from typing_extensions import override

from archbuilder.text.tokenizer.normalization import TextNormalizer
from archbuilder.text.tokenizer.tokenizer import TextTokenizer, VocabularyTooSmallError
from archbuilder.text.tokenizer.unit_vocabulary import UnitVocabulary
from archbuilder.text.vocabulary import DEFAULT_SPECIAL_TOKENS, Vocabulary


class Bytes(TextTokenizer):
    """One token for each byte of UTF-8 (Xue et al., 2022, ByT5, section 3.1)."""

    type: Literal["bytes"]

    file: ClassVar[None] = None
    """Always None: the 256 bytes need no vocabulary file."""

    @override
    def train(self, lines: Iterable[str], vocabulary_size: int) -> Vocabulary:
        required_size = len(DEFAULT_SPECIAL_TOKENS) + len(self.all_symbols) + 256
        if vocabulary_size < required_size:
            raise VocabularyTooSmallError(
                f"{vocabulary_size} is too small; the bytes, symbols and special tokens alone "
                f"require {required_size}"
            )
        return ByteVocabulary({"bytes.json": self.text_normalizer.to_json()})


class ByteVocabulary(UnitVocabulary[bytes]):
    """One id for each byte."""

    kind = "bytes"

    def __init__(self, files: dict[str, bytes]) -> None:
        normalizer = TextNormalizer.from_saved(json.loads(files["bytes.json"]))
        super().__init__(files, normalizer, [f"<0x{byte:02X}>" for byte in range(256)])

    @override
    def _to_units(self, text: str) -> bytes:
        return text.encode("utf-8", "surrogatepass")

    @override
    def _lookup(self, texts: list[bytes]) -> np.ndarray:
        return np.frombuffer(b"".join(texts), dtype="uint8").astype("int32") + self._first

    @override
    def _decode(self, ids: list[int]) -> str:
        return b"".join(map(self._bytes, ids)).decode("utf-8", errors="replace")

    def _bytes(self, token_id: int) -> bytes:
        if token_id >= self._first:
            return bytes([token_id - self._first])
        return self._tokens[token_id].encode()

    @override
    def _ends_word(self, token_id: int) -> bool:
        return self._bytes(token_id).isspace()
