"""Vocabularies with one token for each unit of text: a character or a byte."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import AnyStr, Generic

import numpy as np
from typing_extensions import override

from archbuilder.text.tokenizer.normalization import TextNormalizer
from archbuilder.text.vocabulary import DEFAULT_SPECIAL_TOKENS, Vocabulary, split_ids


class UnitVocabulary(Vocabulary, Generic[AnyStr]):
    """The interface of vocabularies that have an id for each unit of text."""

    def __init__(
        self, files: dict[str, bytes], normalizer: TextNormalizer, units: list[str]
    ) -> None:
        """Create the vocabulary.

        Args:
            files: The files that it is saved as.
            normalizer: The normalization of text before it is encoded.
            units: The token of each unit, in the order of their ids, which follow those of the
                special tokens and the symbols.
        """
        self._normalizer = normalizer
        self._tokens = [*DEFAULT_SPECIAL_TOKENS, *normalizer.symbols, *units]
        self._ids = {token: i for i, token in enumerate(self._tokens)}
        if len(self._ids) < len(self._tokens):
            raise ValueError("a token occurs twice")
        self._first = len(self._tokens) - len(units)
        super().__init__(files)
        self._has_space = bool({" ", "<0x20>"} & self._ids.keys())

    @property
    @override
    def size(self) -> int:
        return len(self._tokens)

    @override
    def id_to_token(self, token_id: int) -> str:
        return self._tokens[token_id]

    @override
    def with_separator(self, sentence: str, is_first: bool, is_last: bool) -> str:
        return sentence if is_last or not self._has_space else f"{sentence} "

    @override
    def encode_arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        parts = [self._normalizer.split_symbols(line) for line in lines]
        texts = [self._to_units(text) for line in parts for text in line[::2]]
        ids = self._lookup(texts)
        symbols = np.array([len(line) // 2 for line in parts], dtype="int64")
        ends = np.cumsum([0, *map(len, texts)], dtype="int64")  # Symbols are not counted.
        last_ends = np.cumsum(symbols + 1)
        counts = np.diff(ends[last_ends], prepend=0) + symbols
        if symbols.any():
            followed = np.delete(np.arange(1, len(ends)), last_ends - 1)
            symbol_ids = [self._ids[symbol] for line in parts for symbol in line[1::2]]
            ids = np.insert(ids, ends[followed], symbol_ids)
        return ids, counts

    @override
    def _token_to_id(self, token: str) -> int | None:
        is_named = token in DEFAULT_SPECIAL_TOKENS or token in self._normalizer.symbols
        return self._ids.get(token) if is_named else None

    @override
    def _encode(self, lines: list[str]) -> list[list[int]]:
        return split_ids(*self.encode_arrays(lines))

    @abstractmethod
    def _to_units(self, text: str) -> AnyStr:
        """Return a text as the sequence of its units."""

    @abstractmethod
    def _lookup(self, texts: list[AnyStr]) -> np.ndarray:
        """Return the concatenated ids of all units of the texts, int32."""
