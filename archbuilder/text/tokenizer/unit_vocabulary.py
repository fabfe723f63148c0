"""Vocabularies that spell text unit by unit, character by character or byte by byte."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import AnyStr, Generic

import numpy as np

from archbuilder.text.tokenizer.normalization import Reading
from archbuilder.text.vocabulary import DEFAULT_SPECIAL_TOKENS, Vocabulary, split_ids


class UnitVocabulary(Vocabulary, Generic[AnyStr]):
    """The interface of vocabularies that have an id for each unit of text."""

    def __init__(self, files: dict[str, bytes], reading: Reading, units: list[str]) -> None:
        """`units` as tokens, in the order of their ids, which are behind those of the symbols."""
        self._reading = reading
        self._tokens = [*DEFAULT_SPECIAL_TOKENS, *reading.symbols, *units]
        self._ids = {token: place for place, token in enumerate(self._tokens)}
        if len(self._ids) < len(self._tokens):
            raise ValueError("a token stands in it twice")
        self._first = len(self._tokens) - len(units)
        super().__init__(files)
        self._has_space = bool({" ", "<0x20>"} & self._ids.keys())

    @property
    def size(self) -> int:
        return len(self._tokens)

    def id_to_token(self, token_id: int) -> str:
        return self._tokens[token_id]

    def with_separator(self, sentence: str, is_first: bool, is_last: bool) -> str:
        return sentence if is_last or not self._has_space else f"{sentence} "

    def encode_arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        parts = [self._reading.parts(line) for line in lines]
        texts = [self._written(text) for line in parts for text in line[::2]]
        ids = self._looked_up(texts)
        symbols = np.array([len(line) // 2 for line in parts], dtype="int64")
        ends = np.cumsum([0, *map(len, texts)], dtype="int64")  # Of texts, symbols left out.
        lasts = np.cumsum(symbols + 1)
        counts = np.diff(ends[lasts], prepend=0) + symbols
        if symbols.any():
            followed = np.delete(np.arange(1, len(ends)), lasts - 1)
            found = [self._ids[symbol] for line in parts for symbol in line[1::2]]
            ids = np.insert(ids, ends[followed], found)
        return ids, counts

    def _token_to_id(self, token: str) -> int | None:
        named = token in DEFAULT_SPECIAL_TOKENS or token in self._reading.symbols
        return self._ids.get(token) if named else None

    def _encode(self, lines: list[str]) -> list[list[int]]:
        return split_ids(*self.encode_arrays(lines))

    @abstractmethod
    def _written(self, text: str) -> AnyStr:
        """A text as the sequence of its units."""

    @abstractmethod
    def _looked_up(self, texts: list[AnyStr]) -> np.ndarray:
        """The ids of all units of texts, int32."""
