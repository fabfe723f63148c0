"""The interface of tokenizers: what all of them can be told, and what they do."""

import re
from abc import abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from archbuilder.errors import UserError
from archbuilder.language import FilePath, Spec
from archbuilder.text.tokenizer.line_sampling import sampled
from archbuilder.text.tokenizer.normalization import Reading
from archbuilder.text.vocabulary import (
    BERT_SPECIAL_TOKENS,
    DEFAULT_SPECIAL_TOKENS,
    SENTINEL_FORMAT,
    Vocabulary,
)

NO_TEXT = "there is no text to train the tokenizer on"


class VocabularyTooSmallError(UserError):
    """A vocabulary has no room for what must be in it; whoever asked knows what it is called."""


def _sound(symbols: tuple[str, ...]) -> tuple[str, ...]:
    for place, symbol in enumerate(symbols):
        if not symbol:
            raise ValueError("a symbol must not be empty")
        if re.search(r"\s", symbol):
            raise ValueError(f"the symbol {symbol!r} must not hold white space")
        if symbol in symbols[:place]:
            raise ValueError(f"the symbol {symbol!r} is written twice")
        if symbol in (*BERT_SPECIAL_TOKENS, *DEFAULT_SPECIAL_TOKENS) or re.fullmatch(
            "<0x[0-9A-F]{2}>", symbol
        ):
            raise ValueError(f"the symbol {symbol!r} is a special token's name")
        if re.fullmatch(SENTINEL_FORMAT.format(r"\d+"), symbol):
            raise ValueError(f"the symbol {symbol!r} is a sentinel's name: write 'sentinels'")
    return symbols


class TextTokenizer(Spec):
    """The interface of tokenizers."""

    normalization: Literal["none", "nfc", "nfkc"] = "none"
    """The form of Unicode that the text is brought into, with equal characters written equally."""
    lowercase: bool = False
    """Lower-case the text."""
    strip_accents: bool = False
    """Take accents off letters."""
    user_defined_symbols: Annotated[tuple[str, ...], AfterValidator(_sound)] = ()
    """Texts that are one token each, wherever they stand, kept as they are written."""
    sentinels: NonNegativeInt = 0
    """Symbols <extra_id_0>, <extra_id_1> and so on, so many of them, that take the place of spans
    left out (Raffel et al., 2020, section 3.1.4)."""

    @abstractmethod
    def train(self, lines: Iterable[str], vocabulary_size: int) -> Vocabulary:
        """The vocabulary of at most `vocabulary_size` tokens that suits `lines` best.

        Raises `VocabularyTooSmallError` where the size has no room for what must be in it.
        """

    @property
    def all_symbols(self) -> tuple[str, ...]:
        """Its symbols, sentinels included."""
        return (*self.user_defined_symbols, *map(SENTINEL_FORMAT.format, range(self.sentinels)))

    @property
    def reading(self) -> Reading:
        """What is done to a text before it is cut."""
        return Reading(self.normalization, self.lowercase, self.strip_accents, self.all_symbols)


class LearnedTokenizer(TextTokenizer):
    """The interface of tokenizers that learn their tokens from text, or find them in a file."""

    max_training_characters: PositiveInt = 30_000_000
    """Characters of the text that it is trained on, at most; lines are drawn evenly."""
    file: FilePath | None = None
    """An existing vocabulary."""

    file_format: ClassVar[str]
    """The content of its file, in words for messages."""
    trains: ClassVar[tuple[str, ...]] = ("max_training_characters",)
    """The fields that only training reads."""
    required: ClassVar[tuple[str, ...]] = ("type", "file")
    """The fields that may stand beside any file."""

    @model_validator(mode="after")
    def _nothing_without_effect(self) -> Self:
        if self.file is not None:
            without = self._without_effect(not self.file.endswith(".json"))
            self._refuse(sorted(without & self.model_fields_set))
        return self

    @model_serializer(mode="wrap")
    def _what_has_effect(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = serialize(self)
        without = self._without_effect(not self.file.endswith(".json")) if self.file else ()
        return {name: value for name, value in fields.items() if name not in without}

    def _without_effect(self, plain_list: bool) -> set[str]:
        """The fields without effect beside a file, a plain list of tokens or a whole tokenizer."""
        return set(type(self).model_fields) - set(self.required)

    def _refuse(self, names: list[str]) -> None:
        if names:
            have = "has" if len(names) == 1 else "have"
            why = "nothing is trained" if set(names) <= set(self.trains) else "the file says it"
            raise ValueError(f"{', '.join(names)}: {have} no effect beside 'file': {why}")

    def train(self, lines: Iterable[str], vocabulary_size: int) -> Vocabulary:
        held = len(DEFAULT_SPECIAL_TOKENS) + len(self.all_symbols)
        if vocabulary_size <= held:
            raise VocabularyTooSmallError(
                f"{vocabulary_size} leaves no room beside the "
                f"{held} special tokens{' and symbols' if self.all_symbols else ''}"
            )
        drawn = sampled(lines, self.max_training_characters)
        if not any(line.strip() for line in drawn):
            raise UserError(NO_TEXT)
        return self._train(drawn, vocabulary_size)

    def load_file(self) -> Vocabulary:
        """The vocabulary in `file`."""
        path = Path(self.file or "")
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise UserError(f"{self.file}: is not a regular file")  # It may never end.
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(f"{self.file}: {error.strerror}") from error
        if not content:
            raise UserError(f"{self.file}: is empty")
        try:
            return self._read(content)
        except UserError as error:
            raise UserError(f"{self.file}: {error}") from error
        except Exception as error:  # The libraries raise plain exceptions.
            raise UserError(f"{self.file}: not {self.file_format} ({error})") from error

    @abstractmethod
    def _train(self, lines: list[str], vocabulary_size: int) -> Vocabulary: ...

    @abstractmethod
    def _read(self, content: bytes) -> Vocabulary: ...
