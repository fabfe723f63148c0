"""The files of a tokenizer as Marian's models have them there, small."""

import json
from functools import cache

from archbuilder.text.tokenizer import SentencePiece

SOURCES = ["the cat sat on the mat", "a dog, and a cat", "the mat is on the dog"]
TARGETS = ["die Katze saß auf der Matte", "ein Hund und eine Katze", "die Matte ist auf dem Hund"]


@cache
def pieces() -> dict[str, bytes]:
    """By their names, a model of pieces for each language, and the table of both."""
    models = {}
    for name, lines in (("source.spm", SOURCES), ("target.spm", TARGETS)):
        spec = SentencePiece(type="sentencepiece", algorithm="unigram", byte_fallback=False)
        models[name] = spec.train(iter(lines * 20), 40)
    known = [one.id_to_token(i) for one in models.values() for i in range(one.size)]
    ordinary = [token for token in known if not token.startswith("<")]
    tokens = dict.fromkeys(["</s>", "<unk>", *ordinary, ">>de<<", "<pad>"])
    files = {name: one.files["spm.model"] for name, one in models.items()}
    ids = {token: number for number, token in enumerate(tokens)}
    return files | {"vocab.json": json.dumps(ids).encode()}


def table() -> dict[str, int]:
    """The ids of all tokens."""
    return json.loads(pieces()["vocab.json"])
