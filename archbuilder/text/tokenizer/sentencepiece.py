"""Subword pieces of raw text, trained and applied by the SentencePiece library."""

import os
import re
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.sentencepiece_training import SPACE, train_sentencepiece
from archbuilder.text.tokenizer.tokenizer import LearnedTokenizer
from archbuilder.text.vocabulary import Vocabulary

_UNUSED_CHARACTER = "\ue000"
"""A character that does not occur in text."""
_ALGORITHMS = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}
"""Algorithms by their number in a model file."""


class SentencePiece(LearnedTokenizer):
    """Pieces of raw text, spaces included (Kudo and Richardson, 2018)."""

    type: Literal["sentencepiece"]
    # A spec is frozen, so a subclass may allow other values; pyright cannot know that.
    normalization: Literal["none", "nfkc", "nmt_nfkc"] = "nmt_nfkc"  # pyright: ignore[reportIncompatibleVariableOverride]
    """Unicode normalization of the text. `nmt_nfkc` also normalizes white space and removes control
    characters. `none` also keeps repeated spaces."""
    algorithm: Literal["bpe", "unigram"]
    """Byte-pair encoding (Sennrich et al., 2016), or a unigram language model (Kudo, 2018)."""
    character_coverage: Annotated[float, Field(ge=0.98, le=1)] = 1.0
    """Fraction of the characters in the text that become tokens; others are encoded as bytes."""
    byte_fallback: bool = True
    """Encode unknown characters as bytes, which uses 256 tokens of the vocabulary."""

    file_format: ClassVar[str] = "a SentencePiece model"
    file_fields: ClassVar[tuple[str, ...]] = ("type", "file", "algorithm")

    @override
    def _train(self, lines: list[str], vocabulary_size: int) -> Vocabulary:
        with tempfile.TemporaryDirectory() as folder:
            model = train_sentencepiece(
                lines,
                vocabulary_size,
                model_type=self.algorithm,
                character_coverage=self.character_coverage,
                byte_fallback=self.byte_fallback,
                user_defined_symbols=list(self.all_symbols),
                remove_extra_whitespaces=self.normalization != "none",
                **self._normalization_option(folder),
            )
        return SentencePieceVocabulary({"spm.model": model})

    def _normalization_option(self, folder: str) -> dict[str, str]:
        """Return the option of the library's trainer that sets the normalization."""
        suffix = "_cf" if self.lowercase else ""
        if not self.strip_accents:
            if self.normalization != "none":
                return {"normalization_rule_name": self.normalization + suffix}
            if not self.lowercase:
                return {"normalization_rule_name": "identity"}
        path = os.path.join(folder, "rules.tsv")
        with open(path, "w", encoding="ascii") as file:
            file.writelines(self._rules(suffix))
        return {"normalization_rule_tsv": path}

    def _rules(self, suffix: str) -> Iterator[str]:
        """Yield a line for each character that normalization changes: old and new code points."""
        from sentencepiece import SentencePieceNormalizer

        base = None
        if self.normalization != "none":
            base = SentencePieceNormalizer(
                rule_name=self.normalization + suffix,
                add_dummy_prefix=False,
                escape_whitespaces=False,
                remove_extra_whitespaces=False,
            )
        for code in range(1, sys.maxunicode + 1):
            character = chr(code)
            if unicodedata.category(character) in ("Cn", "Cs", "Co"):
                continue
            normalized = base.Normalize(character) if base else character
            normalized = normalized.lower() if self.lowercase else normalized
            normalized = _strip_accents(normalized) if self.strip_accents else normalized
            if normalized != character:
                yield f"{code:X}\t{' '.join(f'{ord(letter):X}' for letter in normalized)}\n"

    @override
    def _read(self, content: bytes) -> Vocabulary:
        vocabulary = SentencePieceVocabulary({"spm.model": content})
        if vocabulary.algorithm != self.algorithm:
            raise UserError(
                f"is a {vocabulary.algorithm} model, but tokenizer.algorithm is {self.algorithm}"
            )
        return vocabulary


class SentencePieceVocabulary(Vocabulary):
    """BPE or unigram pieces, implemented by the `sentencepiece` library."""

    kind = "sentencepiece"

    def __init__(self, files: dict[str, bytes]) -> None:
        from sentencepiece import SentencePieceProcessor

        self._processor = SentencePieceProcessor(model_proto=files["spm.model"])
        super().__init__(files)
        # A model of another tool may encode "<mask>" in text as the mask.
        encodes_mask = self.mask_id is not None and not self._processor.IsControl(self.mask_id)
        self._encoded_mask = self.mask_token if encodes_mask else None

    @property
    @override
    def size(self) -> int:
        return self._processor.GetPieceSize()

    @property
    def algorithm(self) -> str:
        """The training algorithm: `unigram`, `bpe`, `word` or `char`."""
        from sentencepiece import sentencepiece_model_pb2

        messages: Any = sentencepiece_model_pb2  # Its classes are created at import time.
        model = messages.ModelProto.FromString(self.files["spm.model"])
        return _ALGORITHMS[model.trainer_spec.model_type]

    @property
    @override
    def byte_ids(self) -> tuple[int, ...]:
        return tuple(i for i in range(self.size) if self._processor.IsByte(i))

    @override
    def id_to_token(self, token_id: int) -> str:
        return self._processor.IdToPiece(token_id)

    @override
    def encode_arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        encoded = self._encode_as(list(lines), "numpy")
        counts = np.fromiter(map(len, encoded), dtype="int64", count=len(encoded))
        return np.concatenate([np.zeros(0), *encoded], dtype="int32", casting="unsafe"), counts

    @override
    def _token_to_id(self, token: str) -> int | None:
        token_id = self._processor.PieceToId(token)
        return token_id if self._processor.IdToPiece(token_id) == token else None

    @override
    def _encode(self, lines: list[str]) -> list[list[int]]:
        return self._encode_as(lines, int)

    def _encode_as(self, lines: list[str], return_type: Any) -> list:
        """Return the ids of each line in the library's `return_type`: `int` or "numpy"."""
        encoded = self._processor.Encode(lines, return_type=return_type)
        if self._encoded_mask is not None:
            for i, line in enumerate(lines):
                if self._encoded_mask in line:
                    encoded[i] = self._encode_mask_as_text(line, self._encoded_mask)
        return encoded

    def _encode_mask_as_text(self, line: str, mask: str) -> list[int]:
        sign, rest = mask[0], re.escape(mask[1:])
        first, *others = re.split(f"(?<={sign})(?={rest})", line)
        return [
            *self._processor.EncodeAsIds(first),
            *(i for ids in self._encode_continuations(others) for i in ids),
        ]

    @override
    def _encode_continuations(self, texts: list[str]) -> list[list[int]]:
        # The library treats the start of a text as the start of a word. After an unknown character
        # it does not.
        prefix = self._processor.EncodeAsIds(_UNUSED_CHARACTER)
        encoded = self._processor.EncodeAsIds([_UNUSED_CHARACTER + text for text in texts])
        length = len(prefix)
        return [
            ids[length:] if ids[:length] == prefix else self._processor.EncodeAsIds(text)
            for ids, text in zip(encoded, texts, strict=True)
        ]

    @override
    def _decode(self, ids: list[int]) -> str:
        runs: list[list[int]] = [[]]
        for i in ids:  # The library omits its control symbols, including the mask.
            if i == self.mask_id:
                runs.append([])
            else:
                runs[-1].append(i)
        text = self._processor.DecodeIds(runs[0])
        for run in runs[1:]:
            starts_word = bool(run) and self.id_to_token(run[0]).startswith(SPACE)
            text += f" {self.mask_token}{' ' * starts_word}{self._processor.DecodeIds(run)}"
        return text if len(runs) == 1 else text.strip()

    @override
    def _starts_word(self, token_id: int) -> bool:
        return self.id_to_token(token_id).startswith(SPACE)


def _strip_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    letters = "".join(letter for letter in decomposed if unicodedata.category(letter) != "Mn")
    return unicodedata.normalize("NFC", letters)
