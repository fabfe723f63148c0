"""One token a byte of UTF-8: every text can be spelled, and there is nothing to learn."""

import json
from collections.abc import Iterable
from typing import ClassVar, Literal

import numpy as np

from archbuilder.text.tokenizer.normalization import Reading
from archbuilder.text.tokenizer.tokenizer import TextTokenizer, VocabularyTooSmallError
from archbuilder.text.tokenizer.unit_vocabulary import UnitVocabulary
from archbuilder.text.vocabulary import DEFAULT_SPECIAL_TOKENS, Vocabulary


class Bytes(TextTokenizer):
    """The bytes of UTF-8 (Xue et al., 2022, ByT5, section 3.1)."""

    type: Literal["bytes"]

    file: ClassVar[None] = None
    """There is no file to read: the bytes are known."""

    def train(self, lines: Iterable[str], vocabulary_size: int) -> Vocabulary:
        needed = len(DEFAULT_SPECIAL_TOKENS) + len(self.all_symbols) + 256
        if vocabulary_size < needed:
            raise VocabularyTooSmallError(
                f"{vocabulary_size} is too small: the bytes, symbols and "
                f"special tokens alone are {needed}"
            )
        return ByteVocabulary({"bytes.json": self.reading.saved()})


class ByteVocabulary(UnitVocabulary[bytes]):
    """One id a byte."""

    kind = "bytes"

    def __init__(self, files: dict[str, bytes]) -> None:
        reading = Reading.of(json.loads(files["bytes.json"]))
        super().__init__(files, reading, [f"<0x{byte:02X}>" for byte in range(256)])

    def _written(self, text: str) -> bytes:
        return text.encode("utf-8", "surrogatepass")

    def _looked_up(self, texts: list[bytes]) -> np.ndarray:
        return np.frombuffer(b"".join(texts), dtype="uint8").astype("int32") + self._first

    def _decode(self, ids: list[int]) -> str:
        return b"".join(map(self._bytes, ids)).decode("utf-8", errors="replace")

    def _bytes(self, token_id: int) -> bytes:
        if token_id >= self._first:
            return bytes([token_id - self._first])
        return self._tokens[token_id].encode()

    def _ends_word(self, token_id: int) -> bool:
        return self._bytes(token_id).isspace()
