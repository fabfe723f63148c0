"""Tokenization into characters."""

import json
from collections import Counter
from typing import ClassVar, Literal

import numpy as np
from typing_extensions import override

from archbuilder.text.tokenizer.normalization import TextNormalizer, remove_symbols
from archbuilder.text.tokenizer.tokenizer import LearnedTokenizer
from archbuilder.text.tokenizer.unit_vocabulary import UnitVocabulary
from archbuilder.text.vocabulary import DEFAULT_SPECIAL_TOKENS, Vocabulary

_NUM_CODE_POINTS = 0x110000
"""Number of code points of Unicode."""


class Characters(LearnedTokenizer):
    """One token for each character."""

    type: Literal["characters"]

    file_format: ClassVar[str] = "a list of characters"

    @override
    def _train(self, lines: list[str], vocabulary_size: int) -> Vocabulary:
        normalizer, counts = self.text_normalizer, Counter()
        for line in remove_symbols(lines, self.all_symbols):
            counts.update(normalizer.normalize(line))
        ordered = sorted(counts, key=lambda letter: (-counts[letter], letter))
        ordered = [letter for letter in ordered if letter not in self.all_symbols]
        characters = "".join(
            ordered[: vocabulary_size - len(DEFAULT_SPECIAL_TOKENS) - len(self.all_symbols)]
        )
        return CharacterVocabulary({"characters.json": normalizer.to_json(characters=characters)})

    @override
    def _read(self, content: bytes) -> Vocabulary:
        return CharacterVocabulary({"characters.json": content})


class CharacterVocabulary(UnitVocabulary[str]):
    """One id for each character."""

    kind = "characters"

    def __init__(self, files: dict[str, bytes]) -> None:
        content = json.loads(files["characters.json"])
        characters = content["characters"]
        if not isinstance(characters, str):
            raise ValueError("characters must be text")
        super().__init__(files, TextNormalizer.from_saved(content), list(characters))
        self._by_code = np.full(_NUM_CODE_POINTS, self.unknown_id, dtype="int32")
        self._by_code[[ord(letter) for letter in characters]] = np.arange(self._first, self.size)

    @override
    def _to_units(self, text: str) -> str:
        return text

    @override
    def _lookup(self, texts: list[str]) -> np.ndarray:
        codes = "".join(texts).encode("utf-32-le", "surrogatepass")
        return self._by_code[np.frombuffer(codes, dtype="<u4")]

    @override
    def _decode(self, ids: list[int]) -> str:
        return "".join(self._tokens[i] for i in ids)

    @override
    def _ends_word(self, token_id: int) -> bool:
        return self._tokens[token_id].isspace()
