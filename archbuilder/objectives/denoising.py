"""Denoising: reconstruct a corrupted text."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.language import Problem
from archbuilder.network.backbone import BackboneConfig
from archbuilder.objectives.objective import ExamplesClass
from archbuilder.objectives.seq2seq import Seq2SeqObjective, single_vocabulary_problems
from archbuilder.text.examples import Examples, Limits, NoisyText
from archbuilder.text.examples.spans import Corruption
from archbuilder.text.token_store import Tokens
from archbuilder.text.vocabularies import Vocabularies
from archbuilder.text.vocabulary import Vocabulary


class Denoising(Seq2SeqObjective):
    """Denoising: reconstruction of a text in which each masked span is replaced by one mask token.

    Lewis et al., 2020, section 2.2 (BART): text infilling and sentence permutation. Span lengths
    are sampled from a Poisson distribution; for length 0, a mask token is inserted.
    """

    type: Literal["denoising"]
    corruption_rate: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Fraction of the tokens of the text that are masked."""
    mean_span_length: Annotated[float, Field(ge=1)] = 3.0
    """Mean length of a masked span, in tokens."""
    permute_sentences: bool = True
    """Whether the sentences of each example are put into random order."""
    examples: ClassVar[ExamplesClass] = NoisyText

    @override
    def make_examples(self, tokens: Tokens, vocabularies: Vocabularies, limits: Limits) -> Examples:
        corruption = Corruption(self.corruption_rate, self.mean_span_length)
        return NoisyText(tokens, vocabularies, limits, corruption, self.permute_sentences)

    @override
    def check_vocabulary(self, vocabulary: Vocabulary) -> None:
        if vocabulary.mask_id is None:
            raise UserError("denoising: needs a tokenizer with a mask token")

    @override
    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        yield from super().problems(model)
        yield from single_vocabulary_problems(model)
