"""Vocabularies, which convert text to token ids and back."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain, count, takewhile
from pathlib import Path
from typing import ClassVar

import numpy as np

from archbuilder.errors import UserError

SPECIAL_TOKEN_ROLES = ("padding", "unknown", "start", "end", "mask")
"""Roles of the special tokens, in the order of the tuples below."""
BERT_SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""Special tokens of BERT's vocabularies, which WordPiece tokenizers use."""
DEFAULT_SPECIAL_TOKENS = ("<pad>", "<unk>", "<s>", "</s>", "<mask>")
"""Special tokens of all other tokenizers, as in SentencePiece."""
SENTINEL_FORMAT = "<extra_id_{}>"
"""Format of T5's sentinel tokens, with the sentinel's index."""
CONFIG_FILE = "tokenizer.config.json"
"""File with the type of a saved vocabulary and the names of its files."""
CLASS_NAMES = {
    "byte_level_bpe": "ByteLevelVocabulary",
    "bytes": "ByteVocabulary",
    "characters": "CharacterVocabulary",
    "marian": "MarianVocabulary",
    "sentencepiece": "SentencePieceVocabulary",
    "sentencepiece_json": "ConvertedPiecesVocabulary",
    "whitespace": "WhitespaceVocabulary",
    "wordpiece": "WordPieceVocabulary",
}
"""Ids of the vocabulary types in files that were saved before `Vocabulary.kind` existed.

Digests still contain these class names, so that older caches and checkpoints stay valid. New types
are not listed.
"""
SPECIAL_TOKENS_FILE = "roles.json"
"""File of an imported vocabulary with its special tokens by role, where their names differ."""


class Vocabulary(ABC):
    """Tokens and their ids, defined completely by the files that they are saved in.

    An imported vocabulary may lack a mask token, with None for `mask_id` and `mask_token`.
    """

    kind: ClassVar[str]
    """Id of this type of vocabulary in saved files. It never changes; the class name may."""

    padding_id: int
    unknown_id: int
    start_id: int
    end_id: int
    mask_id: int | None
    mask_token: str | None

    def __init__(self, files: dict[str, bytes]) -> None:
        """Find the special tokens.

        Args:
            files: Content of each file, by name.

        Raises:
            UserError: The vocabulary lacks a padding, unknown, start or end token.
        """
        self.files = files
        candidates: dict[str, tuple[str | None, ...]] = dict(
            zip(
                SPECIAL_TOKEN_ROLES,
                zip(BERT_SPECIAL_TOKENS, DEFAULT_SPECIAL_TOKENS, strict=True),
                strict=True,
            )
        )
        if SPECIAL_TOKENS_FILE in files:
            named = json.loads(files[SPECIAL_TOKENS_FILE])
            candidates |= {role: (token,) for role, token in named.items()}
        located = {role: self._find(tokens) for role, tokens in candidates.items()}
        required = SPECIAL_TOKEN_ROLES[:4]
        missing = [role for role in required if located[role] is None]
        if missing:
            lacks = (
                f"{role} token ({' or '.join(map(str, candidates[role]))})" for role in missing
            )
            raise UserError(f"has no {', no '.join(lacks)}")
        special = {role: pair for role, pair in located.items() if pair is not None}
        required_ids = (special[role][1] for role in required)
        self.padding_id, self.unknown_id, self.start_id, self.end_id = required_ids
        self.mask_token, self.mask_id = special.get("mask", (None, None))
        sentinels = map(self._token_to_id, map(SENTINEL_FORMAT.format, count()))
        self.sentinel_ids = tuple(takewhile(lambda token_id: token_id is not None, sentinels))
        self.special_ids = tuple(sorted({token_id for _, token_id in special.values()}))

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of tokens, special tokens included."""

    @property
    def digest(self) -> str:
        """Hash of the type and the files; part of the keys of caches."""
        digest = hashlib.sha256(CLASS_NAMES.get(self.kind, self.kind).encode())
        for name, content in sorted(self.files.items()):
            digest.update(name.encode() + hashlib.sha256(content).digest())
        return digest.hexdigest()

    @property
    def byte_ids(self) -> tuple[int, ...]:
        """Ids of the tokens for single bytes, which encode otherwise unknown characters."""
        return ()

    def encode(self, lines: Sequence[str], parse_masks: bool = False) -> list[list[int]]:
        """Return the token ids of each line, without start and end.

        Args:
            lines: The lines of text.
            parse_masks: Whether the name of the mask token in a line is encoded as `mask_id`.
                Default: it is ordinary text.
        """
        mask = self.mask_id
        if not parse_masks or mask is None:
            return self._encode(list(lines))
        pieces = [line.split(self.mask_token) for line in lines]
        first = self._encode([line[0] for line in pieces])
        rest = iter(self._encode_continuations([piece for line in pieces for piece in line[1:]]))
        return [
            [*ids, *(i for _ in line[1:] for i in (mask, *next(rest)))]
            for ids, line in zip(first, pieces, strict=True)
        ]

    def encode_arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the token ids of L lines as arrays.

        Returns:
            The ids of all lines one after another, int32 [N], and the number of ids of each line,
            int64 [L].
        """
        return flatten_ids(self._encode(list(lines)))

    def with_separator(self, sentence: str, is_first: bool, is_last: bool) -> str:
        """Return a sentence of a document, prepared for encoding it separately.

        Vocabularies that mark word boundaries by spaces add one, so that the last word of a
        sentence and the first word of the next one remain two words.
        """
        return sentence

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids, without padding, start and end tokens."""
        skipped = {self.padding_id, self.start_id, self.end_id}
        return self._decode([int(i) for i in ids if int(i) not in skipped])

    def word_starts(self, token_ids: np.ndarray) -> np.ndarray:
        """Return whether each token starts a word: bool, shaped as `token_ids` [..., T].

        The first token of a row, special tokens, and tokens after a special token start a word.
        """
        starts_word, ends_word = self._word_tables
        starts = starts_word[token_ids]
        starts[..., 1:] |= ends_word[token_ids[..., :-1]]
        starts[..., :1] = True
        return starts

    @cached_property
    def _word_tables(self) -> tuple[np.ndarray, np.ndarray]:
        """Tables, bool [V]: whether a token starts a word, and whether the next token does."""
        starts_word = np.fromiter(map(self._starts_word, range(self.size)), dtype=bool)
        ends_word = np.fromiter(map(self._ends_word, range(self.size)), dtype=bool)
        special = list(self.special_ids)
        starts_word[special] = ends_word[special] = True
        return starts_word, ends_word

    @abstractmethod
    def id_to_token(self, token_id: int) -> str:
        """Return a token as it is written in the vocabulary."""

    def save(self, folder: Path) -> None:
        """Write the vocabulary into a new folder."""
        folder.mkdir(parents=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        config = json.dumps({"kind": self.kind, "files": sorted(self.files)})
        (folder / CONFIG_FILE).write_text(config, encoding="utf-8")

    def _find(self, tokens: Iterable[str | None]) -> tuple[str, int] | None:
        """Return the first of the tokens that the vocabulary contains, with its id."""
        ids = ((token, self._token_to_id(token)) for token in tokens if token is not None)
        return next(((token, token_id) for token, token_id in ids if token_id is not None), None)

    @abstractmethod
    def _token_to_id(self, token: str) -> int | None: ...

    @abstractmethod
    def _encode(self, lines: list[str]) -> list[list[int]]: ...

    def _encode_continuations(self, texts: list[str]) -> list[list[int]]:
        """Return the token ids of texts that follow a mask token on the same line."""
        return self._encode(texts)

    @abstractmethod
    def _decode(self, ids: list[int]) -> str: ...

    def _starts_word(self, token_id: int) -> bool:
        """Return whether an ordinary token starts a word, whatever precedes it."""
        return False

    def _ends_word(self, token_id: int) -> bool:
        """Return whether the token after an ordinary token starts a word, whatever it is."""
        return False


def flatten_ids(lines: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids of all lines one after another, int32 [N], and their numbers, int64 [L]."""
    counts = np.fromiter(map(len, lines), dtype="int64", count=len(lines))
    ids = np.fromiter(chain.from_iterable(lines), dtype="int32", count=int(counts.sum()))
    return ids, counts


def split_ids(ids: np.ndarray, counts: np.ndarray) -> list[list[int]]:
    """Return the ids of each line: the inverse of `flatten_ids`."""
    values, ends = ids.tolist(), np.cumsum(counts).tolist()
    return [values[start:end] for start, end in zip([0, *ends], ends, strict=False)]
