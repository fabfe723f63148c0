"""Vocabularies over the `tokenizers` library, whose whole state is a tokenizer.json."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

from archbuilder.mistake import UserMistake
from archbuilder.text.vocabulary import Vocabulary


class LibraryVocabulary(Vocabulary):
    """The interface of vocabularies that a tokenizer.json holds."""

    model: ClassVar[str]
    """The library's name for how words are cut."""

    def __init__(self, files: dict[str, bytes]):
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_str(files["tokenizer.json"].decode())
        self._tokenizer.encode_special_tokens = True  # "[MASK]" in a text is text.
        self._tokenizer.no_padding()  # A file may ask for both; lengths are the batches' matter.
        self._tokenizer.no_truncation()
        kind = type(self._tokenizer.model).__name__
        if kind != self.model:
            raise UserMistake(f"the tokenizer is a {kind} one, not {self.model}")
        self._size = 1 + max(self._tokenizer.get_vocab().values(), default=-1)
        self._added = set(self._tokenizer.get_added_tokens_decoder())
        super().__init__(files)

    @property
    def size(self) -> int:
        return self._size

    def token(self, token_id: int) -> str:
        return self._tokenizer.id_to_token(token_id) or ""

    def _id(self, token):
        return self._tokenizer.token_to_id(token)

    def _encode(self, lines):
        found = self._tokenizer.encode_batch_fast(lines, add_special_tokens=False)
        return [one.ids for one in found]

    @abstractmethod
    def _begins_word(self, token_id: int) -> bool: ...


def add_symbols(tokenizer, symbols: Iterable[str]) -> None:
    """Let each symbol be one token wherever it stands, before the text is normalised."""
    from tokenizers import AddedToken

    tokenizer.add_tokens([AddedToken(symbol, normalized=False) for symbol in symbols])


def counted_words(tokenizer, chunks: Counter[str]) -> Counter[str]:
    """How often each word stands in counted chunks of text, words as the tokenizer cuts them."""
    words: Counter[str] = Counter()
    normalizer = tokenizer.normalizer
    for chunk, count in chunks.items():
        normal = normalizer.normalize_str(chunk) if normalizer else chunk
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal):
            words[word] += count
    return words
