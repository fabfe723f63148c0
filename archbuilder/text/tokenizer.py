"""How text is cut into tokens: what is trained on the text, and how."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from archbuilder.language import FilePath, Spec
from archbuilder.mistake import UserMistake
from archbuilder.text.pieces import NO_TEXT, SPACE, merged_pieces, train_sentencepiece
from archbuilder.text.vocabulary import (
    ANGLED,
    BRACKETED,
    CharacterVocabulary,
    SentencePieceVocabulary,
    Vocabulary,
    WordPieceVocabulary,
)


class WordPiece(Spec):
    """Words cut into the longest pieces known (Schuster and Nakajima, 2012), as BERT does it."""

    type: Literal["wordpiece"]
    lowercase: bool = True
    """Lower-case the text and strip its accents."""
    limit_alphabet: PositiveInt = 1000
    """The most characters that are tokens by themselves, beginning words and within them."""
    file: FilePath | None = None
    """An existing vocab.txt, or a tokenizer.json with the five special tokens of BERT."""

    def train(self, lines: Iterable[str], vocabulary_size: int) -> Vocabulary:
        """The vocabulary of at most `vocabulary_size` tokens that suits `lines` best."""
        tokenizer = self._tokenizer({})

        def words(line):
            normal = tokenizer.normalizer.normalize_str(line)
            return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]

        # The `tokenizers` library breaks ties by chance, so that no run could be repeated.
        texts = [words(line) for line in lines]
        tokens = self._alphabet(texts)
        if len(tokens) + len(BRACKETED) > vocabulary_size:
            raise UserMistake(
                f"model.vocabulary_size: {vocabulary_size} is too small: this text's characters "
                f"and the special tokens alone are {len(tokens) + len(BRACKETED)}"
            )
        for piece in merged_pieces(_spellable(texts, tokens), vocabulary_size):
            token = piece[1:] if piece.startswith(SPACE) else f"##{piece}"
            tokens.setdefault(token)
        return self._vocabulary([*BRACKETED, *tokens][:vocabulary_size])

    def _alphabet(self, texts: list[list[str]]) -> dict[str, None]:
        """The most frequent characters, as they begin words and as they continue them."""
        counts: Counter[str] = Counter()
        for words in texts:
            for word in words:
                counts.update([word[0], *(f"##{letter}" for letter in word[1:])])
        ordered = sorted(counts, key=lambda token: (-counts[token], token))
        return dict.fromkeys(ordered[: self.limit_alphabet])

    def load_file(self) -> Vocabulary:
        """The vocabulary in `file`."""
        content = _content(self.file)
        try:
            if content.lstrip().startswith(b"{"):
                return WordPieceVocabulary({"tokenizer.json": content})
            return self._vocabulary(_listed(content.decode("utf-8-sig")))
        except UserMistake as error:
            raise UserMistake(f"{self.file}: {error}") from error
        except Exception as error:  # The library raises plain exceptions.
            raise UserMistake(f"{self.file}: not a WordPiece vocabulary ({error})") from error

    def _vocabulary(self, tokens: list[str]) -> Vocabulary:
        missing = [special for special in BRACKETED if special not in tokens]
        if missing:
            raise UserMistake(f"has no {', '.join(missing)} token")
        tokenizer = self._tokenizer({token: place for place, token in enumerate(tokens)})
        tokenizer.add_special_tokens(list(BRACKETED))
        return WordPieceVocabulary(
            {
                "tokenizer.json": tokenizer.to_str().encode(),
                "vocab.txt": "".join(f"{token}\n" for token in tokens).encode(),
            }
        )

    def _tokenizer(self, ids: dict[str, int]):
        from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

        tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=self.lowercase)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        return tokenizer


class SentencePiece(Spec):
    """Pieces of raw text, spaces included (Kudo and Richardson, 2018)."""

    type: Literal["sentencepiece"]
    algorithm: Literal["bpe", "unigram"]
    """Merges of frequent pairs (Sennrich et al., 2016), or a unigram model (Kudo, 2018)."""
    lowercase: bool = False
    """Lower-case the text."""
    character_coverage: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the text's characters that become tokens; the rest is spelled in bytes."""
    byte_fallback: bool = True
    """Spell unknown characters in bytes, which takes 256 tokens of the vocabulary."""
    file: FilePath | None = None
    """An existing .model with a <mask> piece, made with pad, unk, bos and eos."""

    def train(self, lines: Iterable[str], vocabulary_size: int) -> Vocabulary:
        """The vocabulary of at most `vocabulary_size` pieces that suits `lines` best."""
        _large_enough(vocabulary_size)
        model = train_sentencepiece(
            lines,
            vocabulary_size,
            model_type=self.algorithm,
            character_coverage=self.character_coverage,
            byte_fallback=self.byte_fallback,
            normalization_rule_name="nmt_nfkc_cf" if self.lowercase else "nmt_nfkc",
        )
        return SentencePieceVocabulary({"spm.model": model})

    def load_file(self) -> Vocabulary:
        """The vocabulary in `file`."""
        content = _content(self.file)
        try:
            return SentencePieceVocabulary({"spm.model": content})
        except UserMistake as error:
            raise UserMistake(f"{self.file}: {error}") from error
        except Exception as error:  # The library raises plain exceptions.
            raise UserMistake(f"{self.file}: not a SentencePiece model ({error})") from error


class Characters(Spec):
    """One token a character."""

    type: Literal["characters"]
    lowercase: bool = False
    """Lower-case the text."""
    file: FilePath | None = None
    """An existing characters.json, as a run's tokenizer folder holds it."""

    def train(self, lines: Iterable[str], vocabulary_size: int) -> Vocabulary:
        """The most frequent characters of `lines`, as many as `vocabulary_size` has room for."""
        _large_enough(vocabulary_size)
        counts: Counter[str] = Counter()
        for line in lines:
            counts.update(line.lower() if self.lowercase else line)
        if not counts:
            raise UserMistake(NO_TEXT)
        ordered = sorted(counts, key=lambda letter: (-counts[letter], letter))
        characters = "".join(ordered[: vocabulary_size - len(ANGLED)])
        content = {"lowercase": self.lowercase, "characters": characters}
        return CharacterVocabulary({"characters.json": json.dumps(content).encode()})

    def load_file(self) -> Vocabulary:
        """The vocabulary in `file`."""
        try:
            return CharacterVocabulary({"characters.json": _content(self.file)})
        except (ValueError, KeyError, TypeError) as error:
            raise UserMistake(f"{self.file}: not a list of characters ({error})") from error


def _spellable(texts: list[list[str]], tokens: dict[str, None]) -> list[list[str]]:
    """The words that the tokens can spell: every other word is unknown, whatever is merged."""

    def can(word):
        return word[0] in tokens and all(f"##{letter}" in tokens for letter in word[1:])

    return [[word for word in words if can(word)] for words in texts]


def _listed(text: str) -> list[str]:
    """The tokens of a vocab.txt: only line feeds part them, as U+2028 may be a token."""
    tokens = [line.removesuffix("\r") for line in text.rstrip("\r\n").split("\n")]
    twice = next((token for token, count in Counter(tokens).items() if count > 1), None)
    if twice is not None:
        raise UserMistake(f"the token {twice!r} stands in it twice")
    return tokens


def _large_enough(vocabulary_size: int) -> None:
    if vocabulary_size <= len(BRACKETED):
        raise UserMistake(
            f"model.vocabulary_size: {vocabulary_size} leaves no room beside the "
            f"{len(BRACKETED)} special tokens"
        )


def _content(file: str | None) -> bytes:
    try:
        content = Path(file or "").read_bytes()
    except OSError as error:
        raise UserMistake(f"{file}: {error.strerror}") from error
    if not content:
        raise UserMistake(f"{file}: is empty")
    return content


Tokenizer = Annotated[WordPiece | SentencePiece | Characters, Field(discriminator="type")]
