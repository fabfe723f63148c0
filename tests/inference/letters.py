"""A vocabulary of single letters."""

from archbuilder.text.tokenizer.characters import CharacterVocabulary

LETTERS = CharacterVocabulary({"characters.json": b'{"lowercase": false, "characters": "abc "}'})
