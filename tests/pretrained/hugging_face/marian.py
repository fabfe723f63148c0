"""Small tokenizer files in the format of Marian models."""

import json
from functools import cache

from archbuilder.text.tokenizer import SentencePiece

SOURCES = ["the cat sat on the mat", "a dog, and a cat", "the mat is on the dog"]
TARGETS = ["die Katze saß auf der Matte", "der Hund und die Katze", "die Matte lag auf dem Hund"]


@cache
def pieces() -> dict[str, bytes]:
    """Return the content of files by name: the model of each language and their table of ids."""
    models = {}
    for name, lines in (("source.spm", SOURCES), ("target.spm", TARGETS)):
        spec = SentencePiece(type="sentencepiece", algorithm="unigram", byte_fallback=False)
        models[name] = spec.train(iter(lines * 20), 40)
    all_tokens = [
        vocabulary.id_to_token(i) for vocabulary in models.values() for i in range(vocabulary.size)
    ]
    ordinary = [token for token in all_tokens if not token.startswith("<")]
    tokens = dict.fromkeys(["</s>", "<unk>", *ordinary, ">>de<<", "<pad>"])
    files = {name: vocabulary.files["spm.model"] for name, vocabulary in models.items()}
    ids = {token: number for number, token in enumerate(tokens)}
    return files | {"vocab.json": json.dumps(ids).encode()}


def table() -> dict[str, int]:
    """Return the ids of all tokens."""
    return json.loads(pieces()["vocab.json"])
