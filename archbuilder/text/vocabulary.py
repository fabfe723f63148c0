"""What reads and writes a model's text: tokens and their ids, over a well-kept library each."""

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

BRACKETED = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ANGLED = ("<pad>", "<unk>", "<s>", "</s>", "<mask>")
"""Padding, unknown, start, end and mask, as BERT and as SentencePiece write them."""
SENTINEL = "<extra_id_{}>"
"""A token that stands for a span left out, as T5's vocabularies write the one of a number."""
ROLES = ("padding", "unknown", "start", "end", "mask")
CONFIG_FILE = "tokenizer.config.json"
"""Names the kind of a saved vocabulary and its files."""
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
"""The ids of these kinds in files saved before `Vocabulary.kind` existed: names of classes.

Digests still contain them, so that older caches and checkpoints stay valid. New kinds are not
listed.
"""
ROLES_FILE = "roles.json"
"""Where a vocabulary made elsewhere says which token has which role, if by another name."""


class Vocabulary(ABC):
    """Tokens and their ids. The files it is saved as are all that it is.

    A vocabulary made elsewhere may have no mask: then `mask_id` and `mask_token` are None.
    """

    kind: ClassVar[str]
    """The id of this kind of vocabulary in saved files. It never changes; the class name may."""

    padding_id: int
    unknown_id: int
    start_id: int
    end_id: int
    mask_id: int | None
    mask_token: str | None

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        roles: dict[str, tuple[str | None, ...]] = dict(
            zip(ROLES, zip(BRACKETED, ANGLED, strict=True), strict=True)
        )
        if ROLES_FILE in files:
            roles |= {role: (token,) for role, token in json.loads(files[ROLES_FILE]).items()}
        found = {role: self._first_of(tokens) for role, tokens in roles.items()}
        missing = [role for role in ROLES[:4] if found[role] is None]
        if missing:
            lacks = (f"{role} token ({' or '.join(map(str, roles[role]))})" for role in missing)
            raise UserError(f"has no {', no '.join(lacks)}")
        known = {role: one for role, one in found.items() if one is not None}
        ordinary = (known[role][1] for role in ROLES[:4])
        self.padding_id, self.unknown_id, self.start_id, self.end_id = ordinary
        self.mask_token, self.mask_id = known.get("mask", (None, None))
        sentinels = map(self._id, map(SENTINEL.format, count()))
        self.sentinel_ids = tuple(takewhile(lambda one: one is not None, sentinels))
        self.special_ids = tuple(sorted({token_id for _, token_id in known.values()}))

    @property
    @abstractmethod
    def size(self) -> int:
        """Tokens in all, special ones included."""

    @property
    def digest(self) -> str:
        """A hash of what it is, for keys of what was made with it."""
        whole = hashlib.sha256(CLASS_NAMES.get(self.kind, self.kind).encode())
        for name, content in sorted(self.files.items()):
            whole.update(name.encode() + hashlib.sha256(content).digest())
        return whole.hexdigest()

    @property
    def byte_ids(self) -> tuple[int, ...]:
        """The ids that spell, byte by byte, what no other token can."""
        return ()

    def encode(self, lines: Sequence[str], parse_masks: bool = False) -> list[list[int]]:
        """Each line's ids, without start and end; with `parse_masks`, a mask token is the mask."""
        mask = self.mask_id
        if not parse_masks or mask is None:
            return self._encode(list(lines))
        pieces = [line.split(self.mask_token) for line in lines]
        first = self._encode([line[0] for line in pieces])
        rest = iter(self._encode_rest([piece for line in pieces for piece in line[1:]]))
        return [
            [*ids, *(i for _ in line[1:] for i in (mask, *next(rest)))]
            for ids, line in zip(first, pieces, strict=True)
        ]

    def encode_arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """All lines' ids one after another, int32 [N], and the number of each line's, int64 [L]."""
        return flat(self._encode(list(lines)))

    def with_separator(self, line: str, first: bool, last: bool) -> str:
        """A document's sentence, as it is encoded for a word not to reach over its end."""
        return line

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, special tokens but the mask and the unknown left out."""
        silent = {self.padding_id, self.start_id, self.end_id}
        return self._decode([int(i) for i in ids if int(i) not in silent])

    def word_starts(self, token_ids: np.ndarray) -> np.ndarray:
        """Whether each token begins a word: bool, shaped as `token_ids` [..., T].

        The first token of a row, special tokens, and what follows a special token begin one.
        """
        begins, ends = self._word_tables
        starts = begins[token_ids]
        starts[..., 1:] |= ends[token_ids[..., :-1]]
        starts[..., :1] = True
        return starts

    @cached_property
    def _word_tables(self) -> tuple[np.ndarray, np.ndarray]:
        """For each token, whether it begins a word, and whether what follows it does: bool [V]."""
        begins = np.fromiter(map(self._begins_word, range(self.size)), dtype=bool)
        ends = np.fromiter(map(self._ends_word, range(self.size)), dtype=bool)
        begins[list(self.special_ids)] = ends[list(self.special_ids)] = True
        return begins, ends

    @abstractmethod
    def token(self, token_id: int) -> str:
        """One token as it is written in the vocabulary."""

    def save(self, folder: Path) -> None:
        """Write it into a new folder."""
        folder.mkdir(parents=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        config = json.dumps({"kind": self.kind, "files": sorted(self.files)})
        (folder / CONFIG_FILE).write_text(config, encoding="utf-8")

    def _first_of(self, tokens: Iterable[str | None]) -> tuple[str, int] | None:
        """The first of the tokens that there is, with its id."""
        ids = ((token, self._id(token)) for token in tokens if token is not None)
        return next(((token, found) for token, found in ids if found is not None), None)

    @abstractmethod
    def _id(self, token: str) -> int | None: ...

    @abstractmethod
    def _encode(self, lines: list[str]) -> list[list[int]]: ...

    def _encode_rest(self, rests: list[str]) -> list[list[int]]:
        """The ids of texts that go on behind a mask."""
        return self._encode(rests)

    @abstractmethod
    def _decode(self, ids: list[int]) -> str: ...

    def _begins_word(self, token_id: int) -> bool:
        """Whether an ordinary token begins a word wherever it stands."""
        return False

    def _ends_word(self, token_id: int) -> bool:
        """Whether a word begins behind an ordinary token whatever follows."""
        return False


def flat(lines: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """All lines' ids one after another, int32 [N], and the number of each line's, int64 [L]."""
    counts = np.fromiter(map(len, lines), dtype="int64", count=len(lines))
    ids = np.fromiter(chain.from_iterable(lines), dtype="int32", count=int(counts.sum()))
    return ids, counts


def rows(ids: np.ndarray, counts: np.ndarray) -> list[list[int]]:
    """Each line's ids, of all lines' ids one after another and the number of each line's."""
    listed, ends = ids.tolist(), np.cumsum(counts).tolist()
    return [listed[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
