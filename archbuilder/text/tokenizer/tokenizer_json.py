"""Vocabularies that are implemented by the `tokenizers` library and saved as a tokenizer.json."""

import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.encoding_cache import EncodingCache
from archbuilder.text.vocabulary import BERT_SPECIAL_TOKENS, Vocabulary, split_ids

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNKNOWN = BERT_SPECIAL_TOKENS[1]


class TokenizerJsonVocabulary(Vocabulary):
    """The interface of vocabularies that are saved as a tokenizer.json."""

    models: ClassVar[tuple[str, ...]]
    """The library's names of the supported tokenization models."""

    def __init__(self, files: dict[str, bytes]) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_str(files["tokenizer.json"].decode())
        self._tokenizer.encode_special_tokens = True  # "[MASK]" in a text is ordinary text.
        # A file may enable padding and truncation, but batches determine the lengths.
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        model = type(self._tokenizer.model).__name__
        if model not in self.models:
            raise UserError(
                f"the tokenizer has a {model} model; expected {' or '.join(self.models)}"
            )
        self._size = 1 + max(self._tokenizer.get_vocab().values(), default=-1)
        self._added = set(self._tokenizer.get_added_tokens_decoder())
        content = json.loads(files["tokenizer.json"])
        self._normalizers = flatten_steps(content.get("normalizer"))
        self._pre_tokenizers = flatten_steps(content.get("pre_tokenizer"))
        super().__init__(files)
        uses_cache = self._has_independent_chunks() and all(
            map(_ignores_spaces, content["added_tokens"])
        )
        self._cache = (
            EncodingCache(self._split_chunks, self._encode_with_library) if uses_cache else None
        )

    @property
    @override
    def size(self) -> int:
        return self._size

    @override
    def id_to_token(self, token_id: int) -> str:
        # The ids of a file may have gaps.
        return self._tokenizer.id_to_token(token_id) or UNKNOWN

    @override
    def _token_to_id(self, token: str) -> int | None:
        return self._tokenizer.token_to_id(token)

    @override
    def encode_arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        if self._cache is None:
            return super().encode_arrays(lines)
        return self._cache.arrays(lines)

    @override
    def _encode(self, lines: list[str]) -> list[list[int]]:
        if self._cache is None:
            return self._encode_with_library(lines)
        return split_ids(*self._cache.arrays(lines))

    def _encode_with_library(self, lines: Sequence[str]) -> list[list[int]]:
        encodings = self._tokenizer.encode_batch_fast(list(lines), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    @abstractmethod
    def _split_chunks(self, line: str) -> list[str]:
        """Return the chunks of a line that can be encoded independently."""

    @abstractmethod
    def _has_independent_chunks(self) -> bool:
        """Return whether the steps of this tokenizer.json allow encoding chunks independently."""

    @override
    @abstractmethod
    def _starts_word(self, token_id: int) -> bool: ...


def flatten_steps(section: dict | None) -> list[dict]:
    """Return the steps of a section of a tokenizer.json, with sequences replaced by their items."""
    if section is None:
        return []
    items = section.get("normalizers") or section.get("pretokenizers")
    return [step for item in items for step in flatten_steps(item)] if items else [section]


def _ignores_spaces(token: dict) -> bool:
    """Return whether an added token matches independently of the spaces around it."""
    uses_spaces = " " in token["content"] or token["lstrip"] or token["rstrip"]
    return token["special"] or not uses_spaces


def add_symbols(tokenizer: "Tokenizer", symbols: Iterable[str]) -> None:
    """Make each symbol a single token that is matched before the text is normalized."""
    from tokenizers import AddedToken

    tokenizer.add_tokens([AddedToken(symbol, normalized=False) for symbol in symbols])


def count_words(tokenizer: "Tokenizer", chunks: Counter[str]) -> Counter[str]:
    """Return the count of each word that the tokenizer's steps split from counted chunks."""
    words: Counter[str] = Counter()
    normalizer = tokenizer.normalizer
    for chunk, count in chunks.items():
        normalized = normalizer.normalize_str(chunk) if normalizer else chunk
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalized):
            words[word] += count
    return words
