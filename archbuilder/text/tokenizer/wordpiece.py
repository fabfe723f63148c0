"""WordPiece tokenization, which splits words into the longest pieces of the vocabulary."""

import re
from collections import Counter
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.normalization import (
    UNICODE_STEPS,
    build_normalizers,
    remove_symbols,
)
from archbuilder.text.tokenizer.sentencepiece_training import SPACE, learn_bpe_pieces
from archbuilder.text.tokenizer.tokenizer import NO_TEXT, LearnedTokenizer, VocabularyTooSmallError
from archbuilder.text.tokenizer.tokenizer_json import (
    TokenizerJsonVocabulary,
    add_symbols,
    count_words,
)
from archbuilder.text.vocabulary import BERT_SPECIAL_TOKENS, Vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_APOSTROPHES = "['\N{RIGHT SINGLE QUOTATION MARK}]"
_CONTINUATION = "##"
"""Prefix of a piece that continues a word."""


class WordPiece(LearnedTokenizer):
    """Words split into the longest pieces of the vocabulary, as in BERT.

    Schuster and Nakajima, 2012.
    """

    type: Literal["wordpiece"]
    lowercase: bool = True
    """Convert the text to lowercase."""
    # A spec is frozen, so a subclass may allow other values; pyright cannot know that.
    strip_accents: bool | None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    """Remove the accents of letters. Default: the value of `lowercase`."""
    limit_alphabet: PositiveInt = 1000
    """Maximum number of single-character tokens; a character at the start of a word and the same
    character inside a word are two tokens."""

    file_format: ClassVar[str] = "a WordPiece vocabulary"
    training_fields: ClassVar[tuple[str, ...]] = ("max_training_characters", "limit_alphabet")

    @override
    def _fields_without_effect(self, is_list: bool) -> set[str]:
        return set(self.training_fields) if is_list else super()._fields_without_effect(is_list)

    @override
    def _train(self, lines: list[str], vocabulary_size: int) -> Vocabulary:
        chunks: Counter[str] = Counter()
        for line in remove_symbols(lines, self.all_symbols):
            chunks.update(line.split(" "))
        words = count_words(self._tokenizer({}), chunks)
        if not words:
            raise UserError(NO_TEXT)
        tokens = self._alphabet(words)
        required_size = len(tokens) + len(BERT_SPECIAL_TOKENS) + len(self.all_symbols)
        if required_size > vocabulary_size:
            raise VocabularyTooSmallError(
                f"{vocabulary_size} is too small; the characters of the text and the special "
                f"tokens alone require {required_size}"
            )
        words = _encodable(words, tokens)
        if not words:
            raise UserError(
                f"tokenizer.limit_alphabet: with {self.limit_alphabet} characters, no word of the "
                "text can be encoded; increase it"
            )
        # More pieces than required, because some are in the alphabet already.
        for piece in learn_bpe_pieces(words, vocabulary_size + len(tokens)):
            token = piece[1:] if piece.startswith(SPACE) else f"{_CONTINUATION}{piece}"
            tokens.setdefault(token)
        all_tokens = dict.fromkeys([*BERT_SPECIAL_TOKENS, *self.all_symbols, *tokens])
        return self._vocabulary(list(all_tokens)[:vocabulary_size])

    def _alphabet(self, words: Counter[str]) -> dict[str, None]:
        """Return the most frequent characters, at the start of words and inside them."""
        counts: Counter[str] = Counter()
        for word, count in words.items():
            counts[word[0]] += count
            for letter in word[1:]:
                counts[f"{_CONTINUATION}{letter}"] += count
        ordered = sorted(counts, key=lambda token: (-counts[token], token))
        return dict.fromkeys(ordered[: self.limit_alphabet])

    @override
    def _read(self, content: bytes) -> Vocabulary:
        if not content.lstrip().startswith(b"{"):
            return self._vocabulary(_read_tokens(content.decode("utf-8-sig")))
        unused = self._fields_without_effect(is_list=False) & self.model_fields_set
        try:
            # A tokenizer.json with another name was validated as a plain list.
            self._reject_fields(sorted(unused))
        except ValueError as error:
            raise UserError(str(error)) from error
        return WordPieceVocabulary({"tokenizer.json": content})

    def _vocabulary(self, tokens: list[str]) -> Vocabulary:
        missing = next((symbol for symbol in self.all_symbols if symbol not in tokens), None)
        if missing is not None:
            raise UserError(f"has no token {missing!r}, which is a symbol in the spec")
        tokenizer = self._tokenizer({token: i for i, token in enumerate(tokens)})
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
        steps = build_normalizers(self.normalization, lowercase=False, strip_accents=False)
        tokenizer.normalizer = library.Sequence([*steps, bert]) if steps else bert
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        return tokenizer


class WordPieceVocabulary(TokenizerJsonVocabulary):
    """WordPiece, implemented by the `tokenizers` library."""

    kind = "wordpiece"
    models = ("WordPiece",)

    @override
    def _split_chunks(self, line: str) -> list[str]:
        return line.split(" ")

    @override
    def _has_independent_chunks(self) -> bool:
        kinds = {step["type"] for step in self._normalizers}
        splits_words = [step["type"] for step in self._pre_tokenizers] == ["BertPreTokenizer"]
        return splits_words and kinds <= {*UNICODE_STEPS, "BertNormalizer"}

    @override
    def _decode(self, ids: list[int]) -> str:
        pieces = (self._piece(i) for i in ids)
        text = "".join(token if continues else f" {token}" for token, continues in pieces)[1:]
        text = re.sub(r" ([.,;:!?%)\]}])", r"\1", text)
        text = re.sub(r"([(\[{]) ", r"\1", text)
        text = re.sub(r"(?<=\d)([.,:]) (?=\d)", r"\1", text)
        text = re.sub(rf"(?<=\w) ({_APOSTROPHES}) (?=(?:s|t|re|ve|ll|d|m)\b)", r"\1", text)
        return re.sub(r"(?<=\w) ([-_]) (?=\w)", r"\1", text)

    def _piece(self, token_id: int) -> tuple[str, bool]:
        """Return the text of a token and whether it continues the word of the token before it."""
        token = self.id_to_token(token_id)
        if self._starts_word(token_id):
            return token, False
        return token.removeprefix(_CONTINUATION), True

    @override
    def _starts_word(self, token_id: int) -> bool:
        return token_id in self._added or not self.id_to_token(token_id).startswith(_CONTINUATION)


def _encodable(words: Counter[str], tokens: dict[str, None]) -> Counter[str]:
    """Return the words whose characters are all tokens; other words stay unknown."""

    def is_encodable(word: str) -> bool:
        return word[0] in tokens and all(
            f"{_CONTINUATION}{letter}" in tokens for letter in word[1:]
        )

    return Counter({word: count for word, count in words.items() if is_encodable(word)})


def _read_tokens(text: str) -> list[str]:
    """Return the tokens of a vocab.txt. Only line feeds end a line, since U+2028 may be a token."""
    tokens = [line.removesuffix("\r") for line in text.rstrip("\r\n").split("\n")]
    duplicate = next((token for token, count in Counter(tokens).items() if count > 1), None)
    if duplicate is not None:
        raise UserError(f"token {duplicate!r} occurs twice")
    return tokens
