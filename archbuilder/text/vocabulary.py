"""What reads and writes a model's text: tokens and their ids, over a well-kept library each."""

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from archbuilder.mistake import UserMistake
from archbuilder.text.word_memory import WordMemory

BRACKETED = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ANGLED = ("<pad>", "<unk>", "<s>", "</s>", "<mask>")
"""Padding, unknown, start, end and mask, as BERT and as SentencePiece write them."""
UNHEARD_OF = "\ue000"
"""A character that is in no text."""

_APOSTROPHES = "['\N{RIGHT SINGLE QUOTATION MARK}]"


class Vocabulary(ABC):
    """Tokens and their ids. The files it is saved as are all that it is."""

    specials: tuple[str, str, str, str, str]

    def __init__(self, files: dict[str, bytes]):
        self.files = files
        names = ("padding_id", "unknown_id", "start_id", "end_id", "mask_id")
        for name, special in zip(names, self.specials, strict=True):
            setattr(self, name, self._id(special))
        self.mask_token = self.specials[-1]
        ids = (self._id(special) for special in self.specials)
        self.special_ids = tuple(sorted(ids))

    padding_id: int
    unknown_id: int
    start_id: int
    end_id: int
    mask_id: int

    @property
    @abstractmethod
    def size(self) -> int:
        """Tokens in all, special ones included."""

    @property
    def digest(self) -> str:
        """A hash of what it is, for keys of what was made with it."""
        whole = hashlib.sha256(type(self).__name__.encode())
        for name, content in sorted(self.files.items()):
            whole.update(name.encode() + hashlib.sha256(content).digest())
        return whole.hexdigest()

    def encode(self, lines: Sequence[str], specials: bool = False) -> list[list[int]]:
        """Each line's ids, without start and end; with `specials`, a mask token is the mask."""
        if not specials:
            return self._encode(list(lines))
        pieces = [line.split(self.mask_token) for line in lines]
        first = self._encode([line[0] for line in pieces])
        rest = iter(self._encode_rest([piece for line in pieces for piece in line[1:]]))
        return [
            [*ids, *(i for _ in line[1:] for i in (self.mask_id, *next(rest)))]
            for ids, line in zip(first, pieces, strict=True)
        ]

    def encode_arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """All lines' ids in a row, and how many of them each line has."""
        encoded = self._encode(list(lines))
        lengths = np.array([len(ids) for ids in encoded], dtype="int64")
        flat = chain.from_iterable(encoded)
        return np.fromiter(flat, dtype="int32", count=int(lengths.sum())), lengths

    byte_ids: tuple[int, ...] = ()
    """Ids of bytes, by which is spelled what the vocabulary does not know."""

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, special tokens but the mask left out."""
        silent = set(self.special_ids) - {self.mask_id, self.unknown_id}
        return self._decode([int(i) for i in ids if int(i) not in silent])

    @abstractmethod
    def token(self, token_id: int) -> str:
        """One token as it is written in the vocabulary."""

    def save(self, folder: Path) -> None:
        """Write it into a new folder."""
        folder.mkdir(parents=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        kind = json.dumps({"kind": type(self).__name__, "files": sorted(self.files)})
        (folder / "tokenizer.config.json").write_text(kind, encoding="utf-8")

    @abstractmethod
    def _id(self, token: str) -> int: ...

    @abstractmethod
    def _encode(self, lines: list[str]) -> list[list[int]]: ...

    def _encode_rest(self, rests: list[str]) -> list[list[int]]:
        """The ids of texts that go on behind a mask."""
        return self._encode(rests)

    @abstractmethod
    def _decode(self, ids: list[int]) -> str: ...


class WordPieceVocabulary(Vocabulary):
    """WordPiece over the `tokenizers` library."""

    specials = BRACKETED

    def __init__(self, files: dict[str, bytes]):
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_str(files["tokenizer.json"].decode())
        self._tokenizer.encode_special_tokens = True  # "[MASK]" in a text is text.
        self._tokenizer.no_padding()  # A file may ask for both; lengths are the batches' matter.
        self._tokenizer.no_truncation()
        kind = type(self._tokenizer.model).__name__
        if kind != "WordPiece":
            raise UserMistake(f"the tokenizer is a {kind} one, not WordPiece")
        self._size = 1 + max(self._tokenizer.get_vocab().values(), default=-1)
        super().__init__(files)
        self._memory = WordMemory(self._encode) if self._cuts_words_alone() else None

    def _cuts_words_alone(self) -> bool:
        """Whether it is BERT's own way, in which no word depends on those beside it."""
        about = json.loads(self._tokenizer.to_str())
        cleaner, cutter = about["normalizer"] or {}, about["pre_tokenizer"] or {}
        others = [token for token in about["added_tokens"] if not token["special"]]
        bert = cleaner.get("type") == "BertNormalizer" and cleaner["clean_text"]
        return bool(bert and cutter.get("type") == "BertPreTokenizer" and not others)

    def encode_arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        return self._memory.arrays(lines) if self._memory else super().encode_arrays(lines)

    @property
    def size(self) -> int:
        return self._size

    def token(self, token_id: int) -> str:
        return self._tokenizer.id_to_token(token_id) or self.specials[1]

    def _id(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise UserMistake(f"the WordPiece vocabulary has no {token} token")
        return found

    def _encode(self, lines):
        return [one.ids for one in self._tokenizer.encode_batch(lines, add_special_tokens=False)]

    def _decode(self, ids):
        text = " ".join(self.token(i) for i in ids).replace(" ##", "")
        text = re.sub(r" ([.,;:!?%)\]}])", r"\1", text)
        text = re.sub(r"([(\[{]) ", r"\1", text)
        text = re.sub(r"(?<=\d)([.,:]) (?=\d)", r"\1", text)
        text = re.sub(rf"(?<=\w) ({_APOSTROPHES}) (?=(?:s|t|re|ve|ll|d|m)\b)", r"\1", text)
        return re.sub(r"(?<=\w) ([-_]) (?=\w)", r"\1", text)


class SentencePieceVocabulary(Vocabulary):
    """BPE or unigram pieces over the `sentencepiece` library."""

    specials = ANGLED

    def __init__(self, files: dict[str, bytes]):
        from sentencepiece import SentencePieceProcessor

        self._processor = SentencePieceProcessor(model_proto=files["spm.model"])
        super().__init__(files)
        # A model made elsewhere may take "<mask>" in a text for the mask.
        self._mask_is_text = not self._processor.IsControl(self.mask_id)

    @property
    def size(self) -> int:
        return self._processor.GetPieceSize()

    def token(self, token_id: int) -> str:
        return self._processor.IdToPiece(token_id)

    def _id(self, token: str) -> int:
        found = self._processor.PieceToId(token)
        if self._processor.IdToPiece(found) != token:
            raise UserMistake(f"the SentencePiece model has no {token} piece")
        return found

    def _encode(self, lines):
        found = self._processor.EncodeAsIds(lines)
        if self._mask_is_text:
            for place, line in enumerate(lines):
                if self.mask_token in line:
                    found[place] = self._spelled(line)
        return found

    def _spelled(self, line: str) -> list[int]:
        sign, rest = self.mask_token[0], re.escape(self.mask_token[1:])
        first, *others = re.split(f"(?<={sign})(?={rest})", line)
        return [
            *self._processor.EncodeAsIds(first),
            *(i for ids in self._encode_rest(others) for i in ids),
        ]

    def _encode_rest(self, rests):
        # The library lets every text begin a word; behind an unknown sign it goes on as it is.
        start = self._processor.EncodeAsIds(UNHEARD_OF)
        behind = self._processor.EncodeAsIds([UNHEARD_OF + rest for rest in rests])
        return [
            ids[len(start) :] if ids[: len(start)] == start else self._processor.EncodeAsIds(rest)
            for ids, rest in zip(behind, rests, strict=True)
        ]

    def _decode(self, ids):
        runs: list[list[int]] = [[]]
        for i in ids:  # The library leaves its control symbols out, the mask among them.
            if i == self.mask_id:
                runs.append([])
            else:
                runs[-1].append(i)
        text = self._processor.DecodeIds(runs[0])
        for run in runs[1:]:
            begins = bool(run) and self.token(run[0]).startswith("\N{LOWER ONE EIGHTH BLOCK}")
            text += f" {self.mask_token}{' ' * begins}{self._processor.DecodeIds(run)}"
        return text.strip()


class CharacterVocabulary(Vocabulary):
    """One id a character."""

    specials = ANGLED

    def __init__(self, files: dict[str, bytes]):
        content = json.loads(files["characters.json"])
        self._lowercase, characters = content["lowercase"], content["characters"]
        if not isinstance(self._lowercase, bool) or not isinstance(characters, str):
            raise ValueError("lowercase must be true or false, characters must be text")
        if len(set(characters)) < len(characters):
            raise ValueError("a character stands in it twice")
        self._tokens = [*self.specials, *characters]
        self._ids = {token: place for place, token in enumerate(self._tokens)}
        super().__init__(files)

    @property
    def size(self) -> int:
        return len(self._tokens)

    def token(self, token_id: int) -> str:
        return self._tokens[token_id]

    def _id(self, token: str) -> int:
        return self._ids[token]

    def _encode(self, lines):
        lines = [line.lower() for line in lines] if self._lowercase else lines
        return [[self._ids.get(letter, self.unknown_id) for letter in line] for line in lines]

    def _decode(self, ids):
        return "".join(self._tokens[i] for i in ids)


KINDS = {
    kind.__name__: kind
    for kind in (WordPieceVocabulary, SentencePieceVocabulary, CharacterVocabulary)
}


def load_vocabulary(folder: Path) -> Vocabulary:
    """The vocabulary that was saved into a folder."""
    try:
        kind = json.loads((folder / "tokenizer.config.json").read_text(encoding="utf-8"))
        files = {name: (folder / name).read_bytes() for name in kind["files"]}
        return KINDS[kind["kind"]](files)
    except Exception as error:  # The libraries raise plain exceptions.
        raise UserMistake(f"{folder}: the tokenizer cannot be read ({error})") from error
