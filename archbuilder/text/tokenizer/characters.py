"""One token a character."""

import json
from collections import Counter
from typing import ClassVar, Literal

import numpy as np

from archbuilder.text.tokenizer.normalization import Reading, between_symbols
from archbuilder.text.tokenizer.tokenizer import LearnedTokenizer
from archbuilder.text.tokenizer.unit_vocabulary import UnitVocabulary
from archbuilder.text.vocabulary import DEFAULT_SPECIAL_TOKENS, Vocabulary

_CODES = 0x110000
"""Unicode's code points, as many as there can be."""


class Characters(LearnedTokenizer):
    """One token a character."""

    type: Literal["characters"]

    file_format: ClassVar[str] = "a list of characters"

    def _train(self, lines: list[str], vocabulary_size: int) -> Vocabulary:
        reading, counts = self.reading, Counter()
        for line in between_symbols(lines, self.all_symbols):
            counts.update(reading.normal(line))
        ordered = sorted(counts, key=lambda letter: (-counts[letter], letter))
        ordered = [letter for letter in ordered if letter not in self.all_symbols]
        characters = "".join(
            ordered[: vocabulary_size - len(DEFAULT_SPECIAL_TOKENS) - len(self.all_symbols)]
        )
        return CharacterVocabulary({"characters.json": reading.saved(characters=characters)})

    def _read(self, content: bytes) -> Vocabulary:
        return CharacterVocabulary({"characters.json": content})


class CharacterVocabulary(UnitVocabulary[str]):
    """One id a character."""

    kind = "characters"

    def __init__(self, files: dict[str, bytes]) -> None:
        content = json.loads(files["characters.json"])
        characters = content["characters"]
        if not isinstance(characters, str):
            raise ValueError("characters must be text")
        super().__init__(files, Reading.of(content), list(characters))
        self._by_code = np.full(_CODES, self.unknown_id, dtype="int32")
        self._by_code[[ord(one) for one in characters]] = np.arange(self._first, self.size)

    def _written(self, text: str) -> str:
        return text

    def _looked_up(self, texts: list[str]) -> np.ndarray:
        codes = "".join(texts).encode("utf-32-le", "surrogatepass")
        return self._by_code[np.frombuffer(codes, dtype="<u4")]

    def _decode(self, ids: list[int]) -> str:
        return "".join(self._tokens[i] for i in ids)

    def _ends_word(self, token_id: int) -> bool:
        return self._tokens[token_id].isspace()
