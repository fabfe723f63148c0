"""WordPiece: words cut into the longest pieces known."""

import re
from collections import Counter
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.normalization import UNICODE_STEPS, between_symbols, normalizers
from archbuilder.text.tokenizer.sentencepiece_training import SPACE, learn_bpe_pieces
from archbuilder.text.tokenizer.tokenizer import NO_TEXT, LearnedTokenizer, VocabularyTooSmallError
from archbuilder.text.tokenizer.tokenizer_json import (
    TokenizerJsonVocabulary,
    add_symbols,
    counted_words,
)
from archbuilder.text.vocabulary import BERT_SPECIAL_TOKENS, Vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_APOSTROPHES = "['\N{RIGHT SINGLE QUOTATION MARK}]"
_INSIDE = "##"
"""How a piece begins that goes on with a word."""


class WordPiece(LearnedTokenizer):
    """Words cut into the longest pieces known (Schuster and Nakajima, 2012), as BERT does it."""

    type: Literal["wordpiece"]
    lowercase: bool = True
    """Lower-case the text."""
    # A spec is frozen, so a subclass may allow other values; pyright cannot know that.
    strip_accents: bool | None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    """Take accents off letters; unless it is said, where the text is lower-cased."""
    limit_alphabet: PositiveInt = 1000
    """The most characters that are tokens by themselves, beginning words and within them."""

    file_format: ClassVar[str] = "a WordPiece vocabulary"
    trains: ClassVar[tuple[str, ...]] = ("max_training_characters", "limit_alphabet")

    def _without_effect(self, plain_list: bool) -> set[str]:
        return set(self.trains) if plain_list else super()._without_effect(plain_list)

    def _train(self, lines: list[str], vocabulary_size: int) -> Vocabulary:
        chunks: Counter[str] = Counter()
        for line in between_symbols(lines, self.all_symbols):
            chunks.update(line.split(" "))
        words = counted_words(self._tokenizer({}), chunks)
        if not words:
            raise UserError(NO_TEXT)
        tokens = self._alphabet(words)
        least = len(tokens) + len(BERT_SPECIAL_TOKENS) + len(self.all_symbols)
        if least > vocabulary_size:
            raise VocabularyTooSmallError(
                f"{vocabulary_size} is too small: this text's characters "
                f"and the special tokens alone are {least}"
            )
        words = _spellable(words, tokens)
        if not words:
            raise UserError(
                f"tokenizer.limit_alphabet: with {self.limit_alphabet} characters no word of "
                "the text can be spelled"
            )
        # Some pieces are in the alphabet already, hence more than are wanted.
        for piece in learn_bpe_pieces(words, vocabulary_size + len(tokens)):
            token = piece[1:] if piece.startswith(SPACE) else f"{_INSIDE}{piece}"
            tokens.setdefault(token)
        listed = dict.fromkeys([*BERT_SPECIAL_TOKENS, *self.all_symbols, *tokens])
        return self._vocabulary(list(listed)[:vocabulary_size])

    def _alphabet(self, words: Counter[str]) -> dict[str, None]:
        """The most frequent characters, as they begin words and as they continue them."""
        counts: Counter[str] = Counter()
        for word, count in words.items():
            counts[word[0]] += count
            for letter in word[1:]:
                counts[f"{_INSIDE}{letter}"] += count
        ordered = sorted(counts, key=lambda token: (-counts[token], token))
        return dict.fromkeys(ordered[: self.limit_alphabet])

    def _read(self, content: bytes) -> Vocabulary:
        if not content.lstrip().startswith(b"{"):
            return self._vocabulary(_listed(content.decode("utf-8-sig")))
        written = self._without_effect(plain_list=False) & self.model_fields_set
        try:
            self._refuse(sorted(written))  # Its name may have let it seem a plain list.
        except ValueError as error:
            raise UserError(str(error)) from error
        return WordPieceVocabulary({"tokenizer.json": content})

    def _vocabulary(self, tokens: list[str]) -> Vocabulary:
        unlisted = next((symbol for symbol in self.all_symbols if symbol not in tokens), None)
        if unlisted is not None:
            raise UserError(f"has no token {unlisted!r}, which the spec names")
        tokenizer = self._tokenizer({token: place for place, token in enumerate(tokens)})
        tokenizer.add_special_tokens([token for token in BERT_SPECIAL_TOKENS if token in tokens])
        add_symbols(tokenizer, self.all_symbols)
        return WordPieceVocabulary(
            {
                "tokenizer.json": tokenizer.to_str().encode(),
                "vocab.txt": "".join(f"{token}\n" for token in tokens).encode(),
            }
        )

    def _tokenizer(self, ids: dict[str, int]) -> "Tokenizer":
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers
        from tokenizers import normalizers as library

        unknown = "<unk>" if "<unk>" in ids and "[UNK]" not in ids else "[UNK]"
        tokenizer = Tokenizer(models.WordPiece(ids, unk_token=unknown))
        bert = library.BertNormalizer(lowercase=self.lowercase, strip_accents=self.strip_accents)
        before = normalizers(self.normalization, lowercase=False, strip_accents=False)
        tokenizer.normalizer = library.Sequence([*before, bert]) if before else bert
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        return tokenizer


class WordPieceVocabulary(TokenizerJsonVocabulary):
    """WordPiece over the `tokenizers` library."""

    kind = "wordpiece"
    models = ("WordPiece",)

    def _cut(self, line: str) -> list[str]:
        return line.split(" ")

    def _cut_locally(self) -> bool:
        kinds = {step["type"] for step in self._normalizers}
        words = [step["type"] for step in self._cutters] == ["BertPreTokenizer"]
        return words and kinds <= {*UNICODE_STEPS, "BertNormalizer"}

    def _decode(self, ids: list[int]) -> str:
        glued = (self._glued(i) for i in ids)
        text = "".join(token if joins else f" {token}" for token, joins in glued)[1:]
        text = re.sub(r" ([.,;:!?%)\]}])", r"\1", text)
        text = re.sub(r"([(\[{]) ", r"\1", text)
        text = re.sub(r"(?<=\d)([.,:]) (?=\d)", r"\1", text)
        text = re.sub(rf"(?<=\w) ({_APOSTROPHES}) (?=(?:s|t|re|ve|ll|d|m)\b)", r"\1", text)
        return re.sub(r"(?<=\w) ([-_]) (?=\w)", r"\1", text)

    def _glued(self, token_id: int) -> tuple[str, bool]:
        """A token as it is written, and whether nothing parts it from the one before."""
        token = self.id_to_token(token_id)
        if self._starts_word(token_id):
            return token, False
        return token.removeprefix(_INSIDE), True

    def _starts_word(self, token_id: int) -> bool:
        return token_id in self._added or not self.id_to_token(token_id).startswith(_INSIDE)


def _spellable(words: Counter[str], tokens: dict[str, None]) -> Counter[str]:
    """The words that the tokens can spell: every other word is unknown, whatever is merged."""

    def can(word: str) -> bool:
        return word[0] in tokens and all(f"{_INSIDE}{letter}" in tokens for letter in word[1:])

    return Counter({word: count for word, count in words.items() if can(word)})


def _listed(text: str) -> list[str]:
    """The tokens of a vocab.txt: only line feeds part them, as U+2028 may be a token."""
    tokens = [line.removesuffix("\r") for line in text.rstrip("\r\n").split("\n")]
    twice = next((token for token, count in Counter(tokens).items() if count > 1), None)
    if twice is not None:
        raise UserError(f"the token {twice!r} stands in it twice")
    return tokens
