"""A character vocabulary for tests of inference."""

from archbuilder.text.tokenizer.characters import CharacterVocabulary

LETTERS = CharacterVocabulary({"characters.json": b'{"lowercase": false, "characters": "abc "}'})
