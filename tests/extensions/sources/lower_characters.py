"""A tokenizer with one token for each lowercase character."""

import json
from collections import Counter
from typing import ClassVar, Literal

from archbuilder.text.tokenizer.tokenizer import LearnedTokenizer
from archbuilder.text.vocabulary import DEFAULT_SPECIAL_TOKENS, Vocabulary


class LowerCharacters(LearnedTokenizer):
    """One token for each lowercase character."""

    type: Literal["lower_characters"]

    file_format: ClassVar[str] = "a list of lowercase characters"

    def _train(self, lines, vocabulary_size):
        counts = Counter("".join(lines).lower())
        characters = [
            letter
            for letter, _ in counts.most_common(vocabulary_size - len(DEFAULT_SPECIAL_TOKENS))
        ]
        return LowerCharacterVocabulary({"lower.json": json.dumps(characters).encode()})

    def _read(self, content):
        return LowerCharacterVocabulary({"lower.json": content})


class LowerCharacterVocabulary(Vocabulary):
    """A vocabulary of lowercase characters."""

    kind = "lower_characters"

    def __init__(self, files):
        self._tokens = [*DEFAULT_SPECIAL_TOKENS, *json.loads(files["lower.json"])]
        self._ids = {token: index for index, token in enumerate(self._tokens)}
        super().__init__(files)

    @property
    def size(self):
        return len(self._tokens)

    def id_to_token(self, token_id):
        return self._tokens[token_id]

    def _token_to_id(self, token):
        return self._ids.get(token)

    def _encode(self, lines):
        unknown = self.unknown_id
        return [[self._ids.get(letter, unknown) for letter in line.lower()] for line in lines]

    def _decode(self, ids):
        return "".join(self._tokens[index] for index in ids)
