"""Byte-pair encoding over bytes: every text can be spelled, and nothing is unknown."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.normalization import UNICODE_STEPS, between_symbols, normalizers
from archbuilder.text.tokenizer.sentencepiece_training import learn_bpe_pieces
from archbuilder.text.tokenizer.tokenizer import LearnedTokenizer, VocabularyTooSmallError
from archbuilder.text.tokenizer.tokenizer_json import (
    TokenizerJsonVocabulary,
    add_symbols,
    counted_words,
)
from archbuilder.text.vocabulary import DEFAULT_SPECIAL_TOKENS, Vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SPACES = "\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}\N{LATIN CAPITAL LETTER C WITH DOT ABOVE}\
\N{LATIN SMALL LETTER C WITH DOT ABOVE}\N{LATIN SMALL LETTER C WITH CARON}"
"""How a space, a line feed, a tab and a carriage return are written in tokens."""

_CHUNKS = re.compile(r"[^\S\x1c-\x1f]*[\S\x1c-\x1f]+|\s+$")
"""Words with the white space before them, over whose ends no token reaches.

Four separators are white space to Python, and not to Unicode.
"""


class ByteLevelBPE(LearnedTokenizer):
    """Merges of frequent pairs of bytes, within words and their leading space, as GPT-2 does it.

    Radford et al., 2019, section 2.2.
    """

    type: Literal["byte_level_bpe"]
    add_prefix_space: bool = True
    """Put a space before each line, so that its first word is the token that it is elsewhere."""

    file_format: ClassVar[str] = "a byte-level BPE tokenizer.json"

    def _train(self, lines: list[str], vocabulary_size: int) -> Vocabulary:
        held = [*DEFAULT_SPECIAL_TOKENS, *self.all_symbols, *_letters()]
        if len(held) > vocabulary_size:
            raise VocabularyTooSmallError(
                f"{vocabulary_size} is too small: the bytes, symbols and "
                f"special tokens alone are {len(held)}"
            )
        words = self._words(lines)
        seen = len(set().union(*words))
        merged = learn_bpe_pieces(words, vocabulary_size - len(held) + seen, begin="")
        tokens = dict.fromkeys(held)
        pieces = [piece for piece in merged if len(piece) > 1 and piece not in tokens]
        tokens |= dict.fromkeys(pieces[: vocabulary_size - len(held)])
        return self._vocabulary({token: place for place, token in enumerate(tokens)})

    def _words(self, lines: list[str]) -> Counter[str]:
        """How often each word stands in the lines, bytes written as characters."""
        chunks: Counter[str] = Counter()
        for line in between_symbols(lines, self.all_symbols):
            begin = " " if self.add_prefix_space and not line.startswith(" ") else ""
            chunks.update(_CHUNKS.findall(begin + line))
        return counted_words(self._tokenizer({}, []), chunks)

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
        steps = normalizers(self.normalization, self.lowercase, self.strip_accents)
        if steps:
            tokenizer.normalizer = library.Sequence(steps)
        space = self.add_prefix_space and bool(ids)
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=space)
        tokenizer.decoder = decoders.ByteLevel()
        return tokenizer


class ByteLevelVocabulary(TokenizerJsonVocabulary):
    """Byte-level BPE over the `tokenizers` library."""

    kind = "byte_level_bpe"
    models = ("BPE",)

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(files)
        if not any(step["type"] == "ByteLevel" for step in self._cutters):
            raise UserError("the tokenizer is a BPE one, and not of bytes")
        self._tokenizer.model.dropout = (
            None  # A file may ask for chance; the same text is the same.
        )
        # The library would put a space behind each symbol, too.
        self._prefix = bool(getattr(self._tokenizer.pre_tokenizer, "add_prefix_space", False))
        if self._prefix:
            self._tokenizer.pre_tokenizer.add_prefix_space = False
        self._spelled = {letter: byte for byte, letter in enumerate(_letters())}

    def with_separator(self, sentence: str, is_first: bool, is_last: bool) -> str:
        return sentence if is_first or self._prefix else f" {sentence}"

    def encode_arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        return super().encode_arrays(self._with_space(lines))

    def _encode(self, lines: list[str]) -> list[list[int]]:
        return super()._encode(self._with_space(lines))

    def _encode_continuations(self, rests: list[str]) -> list[list[int]]:
        return super()._encode(rests)

    def _with_space(self, lines: Sequence[str]) -> list[str]:
        """The lines as they are cut: behind a space, where each of them is to be."""
        if not self._prefix:
            return list(lines)
        return [line if line.startswith(" ") or not line else f" {line}" for line in lines]

    def _cut(self, line: str) -> list[str]:
        return _CHUNKS.findall(line)

    def _cut_locally(self) -> bool:
        kinds = {step["type"] for step in self._normalizers}
        usual = len(self._cutters) == 1 and self._cutters[0].get("use_regex", True)
        # An accent by itself is a chunk, and leaves nothing between the spaces that it parts.
        return usual and kinds <= {*UNICODE_STEPS} - {"StripAccents"}

    def _decode(self, ids: list[int]) -> str:
        whole = b"".join(self._bytes(i) for i in ids).decode("utf-8", errors="replace")
        return whole.removeprefix(" ") if self._prefix else whole

    def _bytes(self, token_id: int) -> bytes:
        token = self.id_to_token(token_id)
        if token_id in self._added or any(letter not in self._spelled for letter in token):
            return token.encode()
        return bytes(self._spelled[letter] for letter in token)

    def _starts_word(self, token_id: int) -> bool:
        return token_id not in self._added and self.id_to_token(token_id)[:1] in tuple(_SPACES)


def _letters() -> list[str]:
    """The letter that stands for each byte: its own where it can be seen, else one of U+0100 on."""
    seen = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in seen else next(others)) for byte in range(256)]


def _merges(tokens: list[str]) -> list[tuple[str, str]]:
    """All ways to put a token together of two others, in the order of what is put together.

    So any two neighbours merge that make a token, the earliest learned first, as while learning.
    """
    ranks = {token: rank for rank, token in enumerate(tokens)}
    found = []
    for token in tokens:
        ways = [(token[:end], token[end:]) for end in range(1, len(token))]
        known = [way for way in ways if way[0] in ranks and way[1] in ranks]
        found += sorted(known, key=lambda way: (ranks[way[0]], ranks[way[1]]))
    return found
