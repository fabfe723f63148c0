"""Every tokenizer: its spec, and its vocabulary after training on a small text."""

from functools import cache

import pytest

from archbuilder.text.tokenizer import Bytes, SentencePiece, Tokenizer
from tests.variants import classes, minimal

TEXT = [
    "The quick brown fox jumps over the lazy dog.",
    "She sells sea shells, and the shells she sells are sea shells.",
    "机器学习 很 有趣",
    "مرحبا بالعالم",
    "emoji 😀 and café",
] * 5
VARIANTS = [*classes(Tokenizer), "unigram"]


@cache
def trained(variant, size=400):
    return spec(variant).train(TEXT, size)


def spec(variant, **settings):
    if variant == "unigram":
        return SentencePiece(type="sentencepiece", algorithm="unigram", **settings)
    return variant(**minimal(variant) | settings)


def case_id(variant):
    return getattr(variant, "__name__", variant)


every_tokenizer = pytest.mark.parametrize("variant", VARIANTS, ids=case_id)
every_learner = pytest.mark.parametrize(
    "variant", [variant for variant in VARIANTS if variant is not Bytes], ids=case_id
)
