"""Pieces of raw text, learned and applied by the SentencePiece library."""

import os
import re
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.sentencepiece_training import SPACE, train_sentencepiece
from archbuilder.text.tokenizer.tokenizer import LearnedTokenizer
from archbuilder.text.vocabulary import Vocabulary

UNHEARD_OF = "\ue000"
"""A character that is in no text."""
_ALGORITHMS = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}
"""What a model's file calls them."""


class SentencePiece(LearnedTokenizer):
    """Pieces of raw text, spaces included (Kudo and Richardson, 2018)."""

    type: Literal["sentencepiece"]
    # A spec is frozen, so a subclass may allow other values; pyright cannot know that.
    normalization: Literal["none", "nfkc", "nmt_nfkc"] = "nmt_nfkc"  # pyright: ignore[reportIncompatibleVariableOverride]
    """The form of Unicode that the text is brought into; `nmt_nfkc` also evens out spaces and
    drops control characters. With `none`, spaces are left as they are, too."""
    algorithm: Literal["bpe", "unigram"]
    """Merges of frequent pairs (Sennrich et al., 2016), or a unigram model (Kudo, 2018)."""
    character_coverage: Annotated[float, Field(ge=0.98, le=1)] = 1.0
    """Share of the text's characters that become tokens; the rest is spelled in bytes."""
    byte_fallback: bool = True
    """Spell unknown characters in bytes, which takes 256 tokens of the vocabulary."""

    file_format: ClassVar[str] = "a SentencePiece model"
    required: ClassVar[tuple[str, ...]] = ("type", "file", "algorithm")

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
                **self._rules(folder),
            )
        return SentencePieceVocabulary({"spm.model": model})

    def _rules(self, folder: str) -> dict[str, str]:
        """The library's option for how the text is normalised."""
        folded = "_cf" if self.lowercase else ""
        if not self.strip_accents:
            if self.normalization != "none":
                return {"normalization_rule_name": self.normalization + folded}
            if not self.lowercase:
                return {"normalization_rule_name": "identity"}
        path = os.path.join(folder, "rules.tsv")
        with open(path, "w", encoding="ascii") as file:
            file.writelines(self._own_rules(folded))
        return {"normalization_rule_tsv": path}

    def _own_rules(self, folded: str) -> Iterator[str]:
        """A line for each character that is written differently: codes before, and after."""
        from sentencepiece import SentencePieceNormalizer

        base = None
        if self.normalization != "none":
            base = SentencePieceNormalizer(
                rule_name=self.normalization + folded,
                add_dummy_prefix=False,
                escape_whitespaces=False,
                remove_extra_whitespaces=False,
            )
        for code in range(1, sys.maxunicode + 1):
            letter = chr(code)
            if unicodedata.category(letter) in ("Cn", "Cs", "Co"):
                continue
            after = base.Normalize(letter) if base else letter
            after = after.lower() if self.lowercase else after
            after = _without_accents(after) if self.strip_accents else after
            if after != letter:
                yield f"{code:X}\t{' '.join(f'{ord(one):X}' for one in after)}\n"

    def _read(self, content: bytes) -> Vocabulary:
        vocabulary = SentencePieceVocabulary({"spm.model": content})
        if vocabulary.algorithm != self.algorithm:
            raise UserError(
                f"is a {vocabulary.algorithm} model, tokenizer.algorithm is {self.algorithm}"
            )
        return vocabulary


class SentencePieceVocabulary(Vocabulary):
    """BPE or unigram pieces over the `sentencepiece` library."""

    kind = "sentencepiece"

    def __init__(self, files: dict[str, bytes]) -> None:
        from sentencepiece import SentencePieceProcessor

        self._processor = SentencePieceProcessor(model_proto=files["spm.model"])
        super().__init__(files)
        # A model made elsewhere may take "<mask>" in a text for the mask.
        known = self.mask_id is not None and not self._processor.IsControl(self.mask_id)
        self._known_mask = self.mask_token if known else None

    @property
    def size(self) -> int:
        return self._processor.GetPieceSize()

    @property
    def algorithm(self) -> str:
        """How its pieces were learned."""
        from sentencepiece import sentencepiece_model_pb2

        messages: Any = sentencepiece_model_pb2  # Its classes are made when it is loaded.
        model = messages.ModelProto.FromString(self.files["spm.model"])
        return _ALGORITHMS[model.trainer_spec.model_type]

    @property
    def byte_ids(self) -> tuple[int, ...]:
        return tuple(i for i in range(self.size) if self._processor.IsByte(i))

    def id_to_token(self, token_id: int) -> str:
        return self._processor.IdToPiece(token_id)

    def encode_arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        found = self._whole(list(lines), "numpy")
        counts = np.fromiter(map(len, found), dtype="int64", count=len(found))
        return np.concatenate([np.zeros(0), *found], dtype="int32", casting="unsafe"), counts

    def _token_to_id(self, token: str) -> int | None:
        found = self._processor.PieceToId(token)
        return found if self._processor.IdToPiece(found) == token else None

    def _encode(self, lines: list[str]) -> list[list[int]]:
        return self._whole(lines, int)

    def _whole(self, lines: list[str], kind: Any) -> list:
        """Each line's ids, as the library's `return_type`: `int`, or "numpy"."""
        found = self._processor.Encode(lines, return_type=kind)
        if self._known_mask is not None:
            for place, line in enumerate(lines):
                if self._known_mask in line:
                    found[place] = self._spelled(line, self._known_mask)
        return found

    def _spelled(self, line: str, mask: str) -> list[int]:
        sign, rest = mask[0], re.escape(mask[1:])
        first, *others = re.split(f"(?<={sign})(?={rest})", line)
        return [
            *self._processor.EncodeAsIds(first),
            *(i for ids in self._encode_continuations(others) for i in ids),
        ]

    def _encode_continuations(self, rests: list[str]) -> list[list[int]]:
        # The library lets every text begin a word; behind an unknown sign it goes on as it is.
        start = self._processor.EncodeAsIds(UNHEARD_OF)
        behind = self._processor.EncodeAsIds([UNHEARD_OF + rest for rest in rests])
        return [
            ids[len(start) :] if ids[: len(start)] == start else self._processor.EncodeAsIds(rest)
            for ids, rest in zip(behind, rests, strict=True)
        ]

    def _decode(self, ids: list[int]) -> str:
        runs: list[list[int]] = [[]]
        for i in ids:  # The library leaves its control symbols out, the mask among them.
            if i == self.mask_id:
                runs.append([])
            else:
                runs[-1].append(i)
        text = self._processor.DecodeIds(runs[0])
        for run in runs[1:]:
            begins = bool(run) and self.id_to_token(run[0]).startswith(SPACE)
            text += f" {self.mask_token}{' ' * begins}{self._processor.DecodeIds(run)}"
        return text if len(runs) == 1 else text.strip()

    def _starts_word(self, token_id: int) -> bool:
        return self.id_to_token(token_id).startswith(SPACE)


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    kept = "".join(one for one in decomposed if unicodedata.category(one) != "Mn")
    return unicodedata.normalize("NFC", kept)
