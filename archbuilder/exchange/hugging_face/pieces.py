"""A SentencePiece model as a tokenizer.json."""

import json
from collections.abc import Iterator
from typing import Any

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.sentencepiece_training import SPACE
from archbuilder.text.vocabulary import Vocabulary

_NORMAL, _UNKNOWN, _CONTROL, _DEFINED = 1, 2, 3, 4
"""Types of pieces, as a model's file has them."""
_UNIGRAM, _BPE = 1, 2
"""Types of models."""
_PROBES = (
    "A plain line, with 3.14 and an e-mail.",
    "spaces   within",
    "Ünïcödé ﬁ ½, 中文和日本語, العربية, 🙂👍🏽",
    "[CLS] a\tb",
)
"""What must be cut alike."""


def converted(vocabulary: Vocabulary) -> dict[str, Any]:
    """What the tokenizer.json holds that cuts text as the vocabulary's SentencePiece model does.

    But at spaces that a text begins or ends with, where the model has symbols.
    Raises `UserError` where there is no such tokenizer.json.
    """
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto.FromString(vocabulary.files["spm.model"])
    if model.trainer_spec.model_type not in (_UNIGRAM, _BPE):
        raise UserError("only unigram and BPE models of SentencePiece can be converted")
    tokenizer = _tokenizer(model)
    defined = (piece.piece for piece in model.pieces if piece.type == _DEFINED)
    lines = [*_PROBES, *(f"a{symbol} b{symbol}c" for symbol in defined)]
    found = tokenizer.encode_batch(lines, add_special_tokens=False)
    for line, ours, theirs in zip(lines, vocabulary.encode(lines), found, strict=True):
        if ours != theirs.ids:
            raise UserError(f"the tokenizer, converted, would cut {line!r} in another way")
    return json.loads(tokenizer.to_str())


def _tokenizer(model):
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
    from tokenizers.pre_tokenizers import Metaspace

    pieces, trainer, rules = model.pieces, model.trainer_spec, model.normalizer_spec
    ids = {piece.piece: number for number, piece in enumerate(pieces)}
    unknown = next(i for i, piece in enumerate(pieces) if piece.type == _UNKNOWN)
    if trainer.model_type == _UNIGRAM:
        scored = [(piece.piece, piece.score) for piece in pieces]
        cut = models.Unigram(scored, unknown, trainer.byte_fallback)
    else:
        cut = models.BPE(
            ids,
            list(_merges(pieces, ids)),
            unk_token=pieces[unknown].piece,
            fuse_unk=True,
            byte_fallback=trainer.byte_fallback,
        )
    defined = [piece.piece for piece in pieces if piece.type == _DEFINED]
    tokenizer = Tokenizer(cut)
    steps: list = []
    if rules.precompiled_charsmap:
        steps.append(normalizers.Precompiled(rules.precompiled_charsmap))
    if rules.remove_extra_whitespaces:
        # Behind a symbol a space is none at an end, though it looks so there.
        steps += [] if defined else [normalizers.Strip()]
        steps += [normalizers.Replace(Regex(" {2,}"), " ")]
    # Behind a symbol no word begins by itself.
    begin = ("first" if defined else "always") if rules.add_dummy_prefix else "never"
    if rules.add_dummy_prefix and not rules.remove_extra_whitespaces and not defined:
        # A text that begins with a space gets another, which Metaspace would leave out.
        begin, steps = "never", [*steps, normalizers.Prepend(SPACE)]
    if steps:
        tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = Metaspace(SPACE, begin)
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(SPACE, begin)]
    )
    special = [piece.piece for piece in pieces if piece.type in (_UNKNOWN, _CONTROL)]
    tokenizer.add_special_tokens([AddedToken(one, normalized=False) for one in special])
    tokenizer.add_tokens([AddedToken(one, normalized=False) for one in defined])
    return tokenizer


def _merges(pieces, ids: dict[str, int]) -> Iterator[tuple[str, str]]:
    """The pairs that are merged, the most frequent first."""
    scored = sorted(
        (piece for piece in pieces if piece.type == _NORMAL), key=lambda piece: -piece.score
    )
    for piece in scored:
        whole = piece.piece
        cuts = ((whole[:place], whole[place:]) for place in range(1, len(whole)))
        known = [(left, right) for left, right in cuts if left in ids and right in ids]
        yield from sorted(known, key=lambda pair: (ids[pair[0]], ids[pair[1]]))
