"""Text that is cut already: a token is what stands between white space."""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from archbuilder.text.tokenizer.normalization import Reading, between_symbols
from archbuilder.text.tokenizer.tokenizer import LearnedTokenizer
from archbuilder.text.vocabulary import DEFAULT_SPECIAL_TOKENS, Vocabulary


class Whitespace(LearnedTokenizer):
    """The most frequent words, every other word unknown (Bengio et al., 2003, section 4.1).

    It reads text that another tool has cut, too: pieces of words that bear a mark where they go on
    (Sennrich et al., 2016).
    """

    type: Literal["whitespace"]
    continuation_marker: Annotated[str, Field(min_length=1)] | None = None
    """How a piece ends that goes on in the next, such as "@@"; without it, each is a word."""

    file_format: ClassVar[str] = "a list of words"

    def _train(self, lines: list[str], vocabulary_size: int) -> Vocabulary:
        reading, counts = self.reading, Counter()
        for line in between_symbols(lines, self.all_symbols):
            counts.update(reading.normal(line).split())
        held = {*DEFAULT_SPECIAL_TOKENS, *self.all_symbols}
        ordered = sorted(counts, key=lambda word: (-counts[word], word))
        words = [word for word in ordered if word not in held][: vocabulary_size - len(held)]
        saved = reading.saved(continuation=self.continuation_marker, words=words)
        return WhitespaceVocabulary({"words.json": saved})

    def _read(self, content: bytes) -> Vocabulary:
        return WhitespaceVocabulary({"words.json": content})


class WhitespaceVocabulary(Vocabulary):
    """One id a word."""

    kind = "whitespace"

    def __init__(self, files: dict[str, bytes]) -> None:
        content = json.loads(files["words.json"])
        self._reading, words, mark = Reading.of(content), content["words"], content["continuation"]
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ValueError("words must be a list of text")
        if mark is not None and not (isinstance(mark, str) and mark):
            raise ValueError("continuation must be text")
        self._mark, self._symbols = mark, set(self._reading.symbols)
        self._tokens = [*DEFAULT_SPECIAL_TOKENS, *self._reading.symbols, *words]
        self._ids = {token: place for place, token in enumerate(self._tokens)}
        if len(self._ids) < len(self._tokens):
            raise ValueError("a word stands in it twice")
        super().__init__(files)
        # A special token's name is a word like any other in a text, and one that is not known.
        self._words = {
            word: i for word, i in self._ids.items() if word not in DEFAULT_SPECIAL_TOKENS
        }

    @property
    def size(self) -> int:
        return len(self._tokens)

    def id_to_token(self, token_id: int) -> str:
        return self._tokens[token_id]

    def encode_arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        texts = [self._cut(line) for line in lines]
        counts = np.fromiter(map(len, texts), dtype="int64", count=len(texts))
        known, unknown = self._words.get, self.unknown_id
        ids = (known(word, unknown) for word in chain.from_iterable(texts))
        return np.fromiter(ids, dtype="int32", count=int(counts.sum())), counts

    def _cut(self, line: str) -> list[str]:
        parts = self._reading.parts(line)
        if len(parts) == 1:
            return parts[0].split()
        return [
            word for i, part in enumerate(parts) for word in ([part] if i % 2 else part.split())
        ]

    def _token_to_id(self, token: str) -> int | None:
        named = token in DEFAULT_SPECIAL_TOKENS or token in self._symbols
        return self._ids.get(token) if named else None

    def _encode(self, lines: list[str]) -> list[list[int]]:
        known, unknown = self._words.get, self.unknown_id
        return [[known(word, unknown) for word in self._cut(line)] for line in lines]

    def _decode(self, ids: list[int]) -> str:
        pieces = []
        for i in ids:
            if self._goes_on(i):
                pieces.append(self._tokens[i].removesuffix(self._mark))
            else:
                pieces += [self._tokens[i], " "]
        return "".join(pieces).removesuffix(" ")

    def _ends_word(self, token_id: int) -> bool:
        return not self._goes_on(token_id)

    def _goes_on(self, token_id: int) -> bool:
        """Whether a token bears the mark of a piece that the next one goes on with."""
        token = self._tokens[token_id]
        return bool(self._mark) and token not in self._symbols and token.endswith(self._mark)
