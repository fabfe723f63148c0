"""Byte-pair encoding of bytes, which represents every text without unknown tokens."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.normalization import (
    UNICODE_STEPS,
    build_normalizers,
    remove_symbols,
)
from archbuilder.text.tokenizer.sentencepiece_training import learn_bpe_pieces
from archbuilder.text.tokenizer.tokenizer import LearnedTokenizer, VocabularyTooSmallError
from archbuilder.text.tokenizer.tokenizer_json import (
    TokenizerJsonVocabulary,
    add_symbols,
    count_words,
)
from archbuilder.text.vocabulary import DEFAULT_SPECIAL_TOKENS, Vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SPACES = "\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}\N{LATIN CAPITAL LETTER C WITH DOT ABOVE}\
\N{LATIN SMALL LETTER C WITH DOT ABOVE}\N{LATIN SMALL LETTER C WITH CARON}"
"""Characters that replace a space, a line feed, a tab and a carriage return in tokens."""

_CHUNKS = re.compile(r"[^\S\x1c-\x1f]*[\S\x1c-\x1f]+|\s+$")
"""Pattern of a word with the white space before it. No token crosses the end of a match.

Four separators (U+001C to U+001F) are white space in Python, but not in Unicode.
"""


class ByteLevelBPE(LearnedTokenizer):
    """Merges of frequent byte pairs within a word and its leading space, as in GPT-2.

    Radford et al., 2019, section 2.2.
    """

    type: Literal["byte_level_bpe"]
    add_prefix_space: bool = True
    """Add a space before each line, so that its first word gets the same tokens as other words."""

    file_format: ClassVar[str] = "a byte-level BPE tokenizer.json"

    @override
    def _train(self, lines: list[str], vocabulary_size: int) -> Vocabulary:
        reserved = [*DEFAULT_SPECIAL_TOKENS, *self.all_symbols, *_letters()]
        if len(reserved) > vocabulary_size:
            raise VocabularyTooSmallError(
                f"{vocabulary_size} is too small; the bytes, symbols and special tokens alone "
                f"require {len(reserved)}"
            )
        words = self._words(lines)
        num_letters = len(set().union(*words))
        max_pieces = vocabulary_size - len(reserved) + num_letters
        merged = learn_bpe_pieces(words, max_pieces, word_prefix="")
        tokens = dict.fromkeys(reserved)
        pieces = [piece for piece in merged if len(piece) > 1 and piece not in tokens]
        tokens |= dict.fromkeys(pieces[: vocabulary_size - len(reserved)])
        return self._vocabulary({token: i for i, token in enumerate(tokens)})

    def _words(self, lines: list[str]) -> Counter[str]:
        """Return the count of each word in the lines, with a character for each byte."""
        chunks: Counter[str] = Counter()
        for line in remove_symbols(lines, self.all_symbols):
            prefix = " " if self.add_prefix_space and not line.startswith(" ") else ""
            chunks.update(_CHUNKS.findall(prefix + line))
        return count_words(self._tokenizer({}, []), chunks)

    @override
    def _read(self, content: bytes) -> Vocabulary:
        return ByteLevelVocabulary({"tokenizer.json": content})

    def _vocabulary(self, ids: dict[str, int]) -> Vocabulary:
        merges = _merges(list(ids)[len(DEFAULT_SPECIAL_TOKENS) + len(self.all_symbols) :])
        tokenizer = self._tokenizer(ids, merges)
        tokenizer.add_special_tokens(list(DEFAULT_SPECIAL_TOKENS))
        add_symbols(tokenizer, self.all_symbols)
        return ByteLevelVocabulary({"tokenizer.json": tokenizer.to_str().encode()})

    def _tokenizer(self, ids: dict[str, int], merges: list[tuple[str, str]]) -> "Tokenizer":
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers
        from tokenizers import normalizers as library

        tokenizer = Tokenizer(models.BPE(ids, merges))
        steps = build_normalizers(self.normalization, self.lowercase, self.strip_accents)
        if steps:
            tokenizer.normalizer = library.Sequence(steps)
        adds_space = self.add_prefix_space and bool(ids)
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=adds_space)
        tokenizer.decoder = decoders.ByteLevel()
        return tokenizer


class ByteLevelVocabulary(TokenizerJsonVocabulary):
    """Byte-level BPE, implemented by the `tokenizers` library."""

    kind = "byte_level_bpe"
    models = ("BPE",)

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(files)
        if not any(step["type"] == "ByteLevel" for step in self._pre_tokenizers):
            raise UserError("the BPE tokenizer must be byte-level (pre-tokenizer `ByteLevel`)")
        # A file may enable dropout of merges, but encoding must be deterministic.
        self._tokenizer.model.dropout = None
        # The library would also add a space after each symbol.
        self._adds_space = bool(getattr(self._tokenizer.pre_tokenizer, "add_prefix_space", False))
        if self._adds_space:
            self._tokenizer.pre_tokenizer.add_prefix_space = False
        self._byte_of_letter = {letter: byte for byte, letter in enumerate(_letters())}

    @override
    def with_separator(self, sentence: str, is_first: bool, is_last: bool) -> str:
        return sentence if is_first or self._adds_space else f" {sentence}"

    @override
    def encode_arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        return super().encode_arrays(self._add_spaces(lines))

    @override
    def _encode(self, lines: list[str]) -> list[list[int]]:
        return super()._encode(self._add_spaces(lines))

    @override
    def _encode_continuations(self, texts: list[str]) -> list[list[int]]:
        return super()._encode(texts)

    def _add_spaces(self, lines: Sequence[str]) -> list[str]:
        """Return the lines with a leading space where the tokenizer adds it."""
        if not self._adds_space:
            return list(lines)
        return [line if line.startswith(" ") or not line else f" {line}" for line in lines]

    @override
    def _split_chunks(self, line: str) -> list[str]:
        return _CHUNKS.findall(line)

    @override
    def _has_independent_chunks(self) -> bool:
        kinds = {step["type"] for step in self._normalizers}
        steps = self._pre_tokenizers
        is_standard = len(steps) == 1 and steps[0].get("use_regex", True)
        # Stripping a chunk that is a single accent would join the spaces before and after it.
        return is_standard and kinds <= {*UNICODE_STEPS} - {"StripAccents"}

    @override
    def _decode(self, ids: list[int]) -> str:
        text = b"".join(self._bytes(i) for i in ids).decode("utf-8", errors="replace")
        return text.removeprefix(" ") if self._adds_space else text

    def _bytes(self, token_id: int) -> bytes:
        token = self.id_to_token(token_id)
        if token_id in self._added or any(letter not in self._byte_of_letter for letter in token):
            return token.encode()
        return bytes(self._byte_of_letter[letter] for letter in token)

    @override
    def _starts_word(self, token_id: int) -> bool:
        return token_id not in self._added and self.id_to_token(token_id)[:1] in tuple(_SPACES)


def _letters() -> list[str]:
    """Return the character for each byte: printable bytes as Latin-1, others from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def _merges(tokens: list[str]) -> list[tuple[str, str]]:
    """Return all pairs of tokens that form another token, in the order of the formed tokens.

    Any two neighbors that form a token are then merged, and earlier learned tokens first, as
    during training.
    """
    ranks = {token: rank for rank, token in enumerate(tokens)}
    merges = []
    for token in tokens:
        splits = [(token[:end], token[end:]) for end in range(1, len(token))]
        pairs = [(left, right) for left, right in splits if left in ranks and right in ranks]
        merges += sorted(pairs, key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
    return merges
