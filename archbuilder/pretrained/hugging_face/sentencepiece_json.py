"""Conversion of a SentencePiece model to a `tokenizer.json`."""

import json
from collections.abc import Iterator
from typing import Any

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.sentencepiece_training import SPACE
from archbuilder.text.vocabulary import Vocabulary

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED = 1, 2, 3, 4
"""Types of pieces in a model file."""
_UNIGRAM, _BPE = 1, 2
"""Types of models in a model file."""
_PROBES = (
    "A plain line, with 3.14 and an e-mail.",
    "spaces   within",
    "Ünïcödé ﬁ ½, 中文和日本語, العربية, 🙂👍🏽",
    "[CLS] a\tb",
)
"""Lines that the model and its conversion must tokenize identically."""


def to_tokenizer_json(vocabulary: Vocabulary) -> dict[str, Any]:
    """Return the content of a tokenizer.json that tokenizes like a SentencePiece model.

    If the model has user-defined symbols, spaces at the start and end of a text may be tokenized
    differently.

    Raises:
        UserError: The model cannot be converted.
    """
    from sentencepiece import sentencepiece_model_pb2

    messages: Any = sentencepiece_model_pb2  # Its classes are created at import time.
    model = messages.ModelProto.FromString(vocabulary.files["spm.model"])
    if model.trainer_spec.model_type not in (_UNIGRAM, _BPE):
        raise UserError(
            "unsupported SentencePiece model; only unigram and BPE models can be converted"
        )
    tokenizer = _tokenizer(model)
    symbols = _pieces_of_type(model, _USER_DEFINED)
    lines = [*_PROBES, *(f"a{symbol} b{symbol}c" for symbol in symbols)]
    encodings = tokenizer.encode_batch(lines, add_special_tokens=False)
    for line, ids, encoding in zip(lines, vocabulary.encode(lines), encodings, strict=True):
        if ids != encoding.ids:
            raise UserError(f"the converted tokenizer would tokenize {line!r} differently")
    return json.loads(tokenizer.to_str())


def _tokenizer(model: Any) -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, normalizers
    from tokenizers.pre_tokenizers import Metaspace

    symbols = _pieces_of_type(model, _USER_DEFINED)
    tokenizer = Tokenizer(_token_model(model))
    steps, prepend_scheme = _normalization(model.normalizer_spec, bool(symbols))
    if steps:
        tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = Metaspace(SPACE, prepend_scheme)
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(SPACE, prepend_scheme)]
    )
    special = _pieces_of_type(model, _UNKNOWN, _CONTROL)
    tokenizer.add_special_tokens([AddedToken(piece, normalized=False) for piece in special])
    tokenizer.add_tokens([AddedToken(symbol, normalized=False) for symbol in symbols])
    return tokenizer


def _token_model(model: Any) -> Any:
    from tokenizers import models

    pieces, trainer = model.pieces, model.trainer_spec
    unknown = next(i for i, piece in enumerate(pieces) if piece.type == _UNKNOWN)
    if trainer.model_type == _UNIGRAM:
        scored = [(piece.piece, piece.score) for piece in pieces]
        return models.Unigram(scored, unknown, trainer.byte_fallback)
    ids = {piece.piece: number for number, piece in enumerate(pieces)}
    return models.BPE(
        ids,
        list(_merges(pieces, ids)),
        unk_token=pieces[unknown].piece,
        fuse_unk=True,
        byte_fallback=trainer.byte_fallback,
    )


def _normalization(rules: Any, has_symbols: bool) -> tuple[list, str]:
    """Return the normalizers and the `prepend_scheme` of Metaspace."""
    from tokenizers import Regex, normalizers

    steps: list = []
    if rules.precompiled_charsmap:
        steps.append(normalizers.Precompiled(rules.precompiled_charsmap))
    if rules.remove_extra_whitespaces:
        # The text after a symbol is normalized by itself; its leading space must not be stripped.
        steps += [] if has_symbols else [normalizers.Strip()]
        steps += [normalizers.Replace(Regex(" {2,}"), " ")]
    if not rules.add_dummy_prefix:
        return steps, "never"
    if not rules.remove_extra_whitespaces and not has_symbols:
        # SentencePiece also adds a space before a leading space, but Metaspace does not.
        return [*steps, normalizers.Prepend(SPACE)], "never"
    return steps, "first" if has_symbols else "always"


def _pieces_of_type(model: Any, *types: int) -> list[str]:
    return [piece.piece for piece in model.pieces if piece.type in types]


def _merges(pieces: Any, ids: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Yield the pairs to merge, in the order of their scores."""
    normal = sorted(
        (piece for piece in pieces if piece.type == _NORMAL), key=lambda piece: -piece.score
    )
    for piece in normal:
        token = piece.piece
        splits = ((token[:length], token[length:]) for length in range(1, len(token)))
        pairs = [(left, right) for left, right in splits if left in ids and right in ids]
        yield from sorted(pairs, key=lambda pair: (ids[pair[0]], ids[pair[1]]))
