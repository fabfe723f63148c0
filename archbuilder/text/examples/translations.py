"""Translations: pairs of a source and a target."""

from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from archbuilder.text.batch import DECODER_TARGETS
from archbuilder.text.examples.examples import (
    Examples,
    Limits,
    require_any,
    skipped_overlong,
)
from archbuilder.text.record import PAIRS, SOURCE, TARGET
from archbuilder.text.token_store import Tokens
from archbuilder.text.vocabulary import Vocabulary


class Translations(Examples):
    """Examples of a source and its target.

    The encoder reads source, end. The decoder reads start, target and predicts target, end.
    """

    needs = PAIRS
    overlong = ("drop", "truncate", "refuse")
    sides: ClassVar = {
        "encoder_": ("encoder_token_ids",),
        "decoder_": ("decoder_token_ids", DECODER_TARGETS),
    }
    columns = (DECODER_TARGETS,)

    @override
    def __init__(
        self, tokens: Tokens, vocabularies: tuple[Vocabulary, Vocabulary], limits: Limits
    ) -> None:
        self.source_text, self.target_text = tokens.text[SOURCE], tokens.text[TARGET]
        self.source, self.target = vocabularies
        self.max_tokens = limits.sequence_length - 1
        lengths = [self.source_text.lengths(), self.target_text.lengths()]
        lengths = np.stack(lengths, axis=1).astype("int32") + 1
        is_overlong = lengths.max(axis=1) > limits.sequence_length
        self.skipped = skipped_overlong(int(is_overlong.sum()), "pairs", limits)
        is_used = np.ones_like(is_overlong) if limits.overlong == "truncate" else ~is_overlong
        require_any(int(is_used.sum()), limits)
        self.records = np.flatnonzero(is_used).astype("int32")
        self.lengths = np.minimum(lengths[self.records], limits.sequence_length)

    @override
    def row(self, index: int, random: "np.random.Generator") -> dict[str, Any]:
        record = self.records[index]
        source = self.source_text.line(record, self.max_tokens)
        target = self.target_text.line(record, self.max_tokens)
        return {
            "encoder_token_ids": np.concatenate([source, [self.source.end_id]]),
            "decoder_token_ids": np.concatenate([[self.target.start_id], target]),
            DECODER_TARGETS: np.concatenate([target, [self.target.end_id]]),
        }
