"""Vocabularies over the `tokenizers` library, whose whole state is a tokenizer.json."""

import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.encoding_cache import EncodingCache
from archbuilder.text.vocabulary import BERT_SPECIAL_TOKENS, Vocabulary, split_ids

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNKNOWN = BERT_SPECIAL_TOKENS[1]


class TokenizerJsonVocabulary(Vocabulary):
    """The interface of vocabularies that a tokenizer.json holds."""

    models: ClassVar[tuple[str, ...]]
    """The library's names for how words are cut."""

    def __init__(self, files: dict[str, bytes]) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_str(files["tokenizer.json"].decode())
        self._tokenizer.encode_special_tokens = True  # "[MASK]" in a text is text.
        self._tokenizer.no_padding()  # A file may ask for both; lengths are the batches' matter.
        self._tokenizer.no_truncation()
        kind = type(self._tokenizer.model).__name__
        if kind not in self.models:
            raise UserError(f"the tokenizer is a {kind} one, not {' or '.join(self.models)}")
        self._size = 1 + max(self._tokenizer.get_vocab().values(), default=-1)
        self._added = set(self._tokenizer.get_added_tokens_decoder())
        content = json.loads(files["tokenizer.json"])
        self._normalizers = steps(content.get("normalizer"))
        self._cutters = steps(content.get("pre_tokenizer"))
        super().__init__(files)
        local = self._cut_locally() and all(map(_stands_alone, content["added_tokens"]))
        self._chunks = EncodingCache(self._cut, self._by_library) if local else None

    @property
    def size(self) -> int:
        return self._size

    def id_to_token(self, token_id: int) -> str:
        # A file's ids may have gaps.
        return self._tokenizer.id_to_token(token_id) or UNKNOWN

    def _token_to_id(self, token: str) -> int | None:
        return self._tokenizer.token_to_id(token)

    def encode_arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        if self._chunks is None:
            return super().encode_arrays(lines)
        return self._chunks.arrays(lines)

    def _encode(self, lines: list[str]) -> list[list[int]]:
        if self._chunks is None:
            return self._by_library(lines)
        return split_ids(*self._chunks.arrays(lines))

    def _by_library(self, lines: Sequence[str]) -> list[list[int]]:
        found = self._tokenizer.encode_batch_fast(list(lines), add_special_tokens=False)
        return [one.ids for one in found]

    @abstractmethod
    def _cut(self, line: str) -> list[str]:
        """The chunks of a line that can be encoded by themselves."""

    @abstractmethod
    def _cut_locally(self) -> bool:
        """Whether that holds with the steps of this tokenizer.json, as of its kind's usual ones."""

    @abstractmethod
    def _starts_word(self, token_id: int) -> bool: ...


def steps(part: dict | None) -> list[dict]:
    """The steps of one part of a tokenizer.json, those of sequences in their order."""
    if part is None:
        return []
    inner = part.get("normalizers") or part.get("pretokenizers")
    return [step for one in inner for step in steps(one)] if inner else [part]


def _stands_alone(token: dict) -> bool:
    """Whether a token that is added to the vocabulary takes no notice of the spaces around it."""
    spaced = " " in token["content"] or token["lstrip"] or token["rstrip"]
    return token["special"] or not spaced


def add_symbols(tokenizer: "Tokenizer", symbols: Iterable[str]) -> None:
    """Let each symbol be one token wherever it stands, before the text is normalised."""
    from tokenizers import AddedToken

    tokenizer.add_tokens([AddedToken(symbol, normalized=False) for symbol in symbols])


def counted_words(tokenizer: "Tokenizer", chunks: Counter[str]) -> Counter[str]:
    """How often each word stands in counted chunks of text, words as the tokenizer cuts them."""
    words: Counter[str] = Counter()
    normalizer = tokenizer.normalizer
    for chunk, count in chunks.items():
        normal = normalizer.normalize_str(chunk) if normalizer else chunk
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal):
            words[word] += count
    return words
