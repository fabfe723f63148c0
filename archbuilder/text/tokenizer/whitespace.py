"""Tokenization at white space, for text that is already split into tokens."""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from typing_extensions import override

from archbuilder.text.tokenizer.normalization import TextNormalizer, remove_symbols
from archbuilder.text.tokenizer.tokenizer import LearnedTokenizer
from archbuilder.text.vocabulary import DEFAULT_SPECIAL_TOKENS, Vocabulary


class Whitespace(LearnedTokenizer):
    """The most frequent words; all other words are unknown (Bengio et al., 2003, section 4.1).

    The text may also contain subwords of another tool, with a marker at the end of each subword
    that the next one continues (Sennrich et al., 2016).
    """

    type: Literal["whitespace"]
    continuation_marker: Annotated[str, Field(min_length=1)] | None = None
    """The end of a subword that the next token continues, such as "@@". Default: each token is a
    word."""

    file_format: ClassVar[str] = "a list of words"

    @override
    def _train(self, lines: list[str], vocabulary_size: int) -> Vocabulary:
        normalizer, counts = self.text_normalizer, Counter()
        for line in remove_symbols(lines, self.all_symbols):
            counts.update(normalizer.normalize(line).split())
        reserved = {*DEFAULT_SPECIAL_TOKENS, *self.all_symbols}
        ordered = sorted(counts, key=lambda word: (-counts[word], word))
        words = [word for word in ordered if word not in reserved]
        words = words[: vocabulary_size - len(reserved)]
        content = normalizer.to_json(continuation=self.continuation_marker, words=words)
        return WhitespaceVocabulary({"words.json": content})

    @override
    def _read(self, content: bytes) -> Vocabulary:
        return WhitespaceVocabulary({"words.json": content})


class WhitespaceVocabulary(Vocabulary):
    """One id for each word."""

    kind = "whitespace"

    def __init__(self, files: dict[str, bytes]) -> None:
        content = json.loads(files["words.json"])
        self._normalizer = TextNormalizer.from_saved(content)
        words, marker = content["words"], content["continuation"]
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ValueError("words must be a list of text")
        if marker is not None and not (isinstance(marker, str) and marker):
            raise ValueError("continuation must be text")
        self._marker, self._symbols = marker, set(self._normalizer.symbols)
        self._tokens = [*DEFAULT_SPECIAL_TOKENS, *self._normalizer.symbols, *words]
        self._ids = {token: i for i, token in enumerate(self._tokens)}
        if len(self._ids) < len(self._tokens):
            raise ValueError("a word occurs twice")
        super().__init__(files)
        # In text, the name of a special token is an ordinary word that the vocabulary lacks.
        self._words = {
            word: i for word, i in self._ids.items() if word not in DEFAULT_SPECIAL_TOKENS
        }

    @property
    @override
    def size(self) -> int:
        return len(self._tokens)

    @override
    def id_to_token(self, token_id: int) -> str:
        return self._tokens[token_id]

    @override
    def encode_arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        texts = [self._split(line) for line in lines]
        counts = np.fromiter(map(len, texts), dtype="int64", count=len(texts))
        word_id, unknown = self._words.get, self.unknown_id
        ids = (word_id(word, unknown) for word in chain.from_iterable(texts))
        return np.fromiter(ids, dtype="int32", count=int(counts.sum())), counts

    def _split(self, line: str) -> list[str]:
        parts = self._normalizer.split_symbols(line)
        if len(parts) == 1:
            return parts[0].split()
        return [
            word for i, part in enumerate(parts) for word in ([part] if i % 2 else part.split())
        ]

    @override
    def _token_to_id(self, token: str) -> int | None:
        is_named = token in DEFAULT_SPECIAL_TOKENS or token in self._symbols
        return self._ids.get(token) if is_named else None

    @override
    def _encode(self, lines: list[str]) -> list[list[int]]:
        word_id, unknown = self._words.get, self.unknown_id
        return [[word_id(word, unknown) for word in self._split(line)] for line in lines]

    @override
    def _decode(self, ids: list[int]) -> str:
        pieces = []
        for i in ids:
            if self._is_continued(i):
                pieces.append(self._tokens[i].removesuffix(self._marker))
            else:
                pieces += [self._tokens[i], " "]
        return "".join(pieces).removesuffix(" ")

    @override
    def _ends_word(self, token_id: int) -> bool:
        return not self._is_continued(token_id)

    def _is_continued(self, token_id: int) -> bool:
        """Return whether a token has the marker of a subword that the next token continues."""
        token = self._tokens[token_id]
        return bool(self._marker) and token not in self._symbols and token.endswith(self._marker)
