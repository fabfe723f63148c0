"""The interface of tokenizers: their common fields and their training."""

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
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.language import FilePath, Spec
from archbuilder.text.tokenizer.line_sampling import sample_lines
from archbuilder.text.tokenizer.normalization import TextNormalizer
from archbuilder.text.vocabulary import (
    BERT_SPECIAL_TOKENS,
    DEFAULT_SPECIAL_TOKENS,
    SENTINEL_FORMAT,
    Vocabulary,
)

NO_TEXT = "the training text of the tokenizer is empty"


class VocabularyTooSmallError(UserError):
    """The vocabulary size is too small; the caller adds the name of the field."""


def _check_symbols(symbols: tuple[str, ...]) -> tuple[str, ...]:
    for i, symbol in enumerate(symbols):
        if not symbol:
            raise ValueError("a symbol must not be empty")
        if re.search(r"\s", symbol):
            raise ValueError(f"symbol {symbol!r} must not contain white space")
        if symbol in symbols[:i]:
            raise ValueError(f"symbol {symbol!r} is listed twice")
        if symbol in (*BERT_SPECIAL_TOKENS, *DEFAULT_SPECIAL_TOKENS) or re.fullmatch(
            "<0x[0-9A-F]{2}>", symbol
        ):
            raise ValueError(f"symbol {symbol!r} is the name of a special token")
        if re.fullmatch(SENTINEL_FORMAT.format(r"\d+"), symbol):
            raise ValueError(
                f"symbol {symbol!r} is the name of a sentinel; set 'sentinels' instead"
            )
    return symbols


class TextTokenizer(Spec):
    """The interface of tokenizers."""

    normalization: Literal["none", "nfc", "nfkc"] = "none"
    """Unicode normalization form of the text, which gives equal characters equal codes."""
    lowercase: bool = False
    """Convert the text to lowercase."""
    strip_accents: bool = False
    """Remove the accents of letters."""
    user_defined_symbols: Annotated[tuple[str, ...], AfterValidator(_check_symbols)] = ()
    """Strings that are always a single token, and are not normalized."""
    sentinels: NonNegativeInt = 0
    """Number of sentinel tokens <extra_id_0>, <extra_id_1> and so on, which replace masked spans
    (Raffel et al., 2020, section 3.1.4)."""

    @abstractmethod
    def train(self, lines: Iterable[str], vocabulary_size: int) -> Vocabulary:
        """Return a vocabulary for a text.

        Args:
            lines: The training text.
            vocabulary_size: Maximum number of tokens, special tokens included.

        Raises:
            VocabularyTooSmallError: The size is smaller than the number of required tokens.
            UserError: The text is empty, or the training failed.
        """

    @property
    def all_symbols(self) -> tuple[str, ...]:
        """The symbols, sentinels included."""
        return (*self.user_defined_symbols, *map(SENTINEL_FORMAT.format, range(self.sentinels)))

    @property
    def text_normalizer(self) -> TextNormalizer:
        """The normalization of text before tokenization."""
        return TextNormalizer(
            self.normalization, self.lowercase, self.strip_accents, self.all_symbols
        )


class LearnedTokenizer(TextTokenizer):
    """The interface of tokenizers that are trained on text or loaded from a file."""

    max_training_characters: PositiveInt = 30_000_000
    """Maximum number of characters to train on. Lines are sampled uniformly from a longer text."""
    file: FilePath | None = None
    """File with an existing vocabulary. Default: the vocabulary is trained."""

    file_format: ClassVar[str]
    """Description of the content of `file`, for error messages."""
    training_fields: ClassVar[tuple[str, ...]] = ("max_training_characters",)
    """Fields that have an effect only in training."""
    file_fields: ClassVar[tuple[str, ...]] = ("type", "file")
    """Fields that may be combined with any `file`."""

    @model_validator(mode="after")
    def _check_fields_have_effect(self) -> Self:
        if self.file is not None:
            unused = self._fields_without_effect(not self.file.endswith(".json"))
            self._reject_fields(sorted(unused & self.model_fields_set))
        return self

    @model_serializer(mode="wrap")
    def _serialize_used_fields(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = serialize(self)
        is_list = self.file is not None and not self.file.endswith(".json")
        unused = self._fields_without_effect(is_list) if self.file else ()
        return {name: value for name, value in fields.items() if name not in unused}

    def _fields_without_effect(self, is_list: bool) -> set[str]:
        """Return the fields without effect if `file` is set.

        Args:
            is_list: Whether the file is a plain list of tokens instead of a complete tokenizer.
        """
        return set(type(self).model_fields) - set(self.file_fields)

    def _reject_fields(self, names: list[str]) -> None:
        if names:
            have = "has" if len(names) == 1 else "have"
            is_training = set(names) <= set(self.training_fields)
            reason = "the tokenizer is not trained" if is_training else "the file determines it"
            raise ValueError(
                f"{', '.join(names)}: {have} no effect with 'file', because {reason}; remove it"
            )

    @override
    def train(self, lines: Iterable[str], vocabulary_size: int) -> Vocabulary:
        reserved = len(DEFAULT_SPECIAL_TOKENS) + len(self.all_symbols)
        if vocabulary_size <= reserved:
            raise VocabularyTooSmallError(
                f"{vocabulary_size} is too small; the special tokens"
                f"{' and symbols' if self.all_symbols else ''} alone require {reserved}"
            )
        sample = sample_lines(lines, self.max_training_characters)
        if not any(line.strip() for line in sample):
            raise UserError(NO_TEXT)
        return self._train(sample, vocabulary_size)

    def load_file(self) -> Vocabulary:
        """Return the vocabulary in `file`. Raise UserError if it cannot be read."""
        path = Path(self.file or "")
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise UserError(f"{self.file}: is not a regular file")  # A pipe may never end.
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
