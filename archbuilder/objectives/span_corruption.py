"""Span corruption: predict the spans that were removed from a text."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from archbuilder.language import Problem
from archbuilder.network.backbone import BackboneConfig
from archbuilder.objectives.objective import ExamplesClass
from archbuilder.objectives.seq2seq import Seq2SeqObjective, single_vocabulary_problems
from archbuilder.text.examples import CorruptedSpans, Examples, Limits
from archbuilder.text.examples.corrupted import num_sentinels
from archbuilder.text.examples.spans import Corruption
from archbuilder.text.token_store import Tokens
from archbuilder.text.vocabularies import Vocabularies


class SpanCorruption(Seq2SeqObjective):
    """Span corruption: prediction of the spans that sentinel tokens replace in the source.

    Raffel et al., 2020, section 3.1.4 (T5).
    """

    type: Literal["span_corruption"]
    corruption_rate: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Fraction of the tokens that are removed from the source."""
    mean_span_length: Annotated[float, Field(ge=1)] = 3.0
    """Mean length of a removed span, in tokens."""
    examples: ClassVar[ExamplesClass] = CorruptedSpans

    @override
    def make_examples(self, tokens: Tokens, vocabularies: Vocabularies, limits: Limits) -> Examples:
        return CorruptedSpans(tokens, vocabularies, limits, self._corruption)

    @override
    def sentinels(self, sequence_length: int) -> int:
        return num_sentinels(sequence_length, self._corruption)

    @override
    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        yield from super().problems(model)
        yield from single_vocabulary_problems(model)

    @property
    def _corruption(self) -> Corruption:
        return Corruption(self.corruption_rate, self.mean_span_length)
