"""Denoising: write a text as it was before it was damaged."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.language import Problem
from archbuilder.network.backbone import BackboneConfig
from archbuilder.objectives.objective import ExamplesClass
from archbuilder.objectives.seq2seq import Seq2SeqObjective, one_vocabulary
from archbuilder.text.examples import Examples, Limits, NoisyText
from archbuilder.text.examples.spans import Corruption
from archbuilder.text.token_store import Tokens
from archbuilder.text.vocabularies import Vocabularies
from archbuilder.text.vocabulary import Vocabulary


class Denoising(Seq2SeqObjective):
    """Read a text in which a mask stands for each missing span, and write all of it.

    Lewis et al., 2020, section 2.2: text infilling, with lengths drawn from a Poisson distribution,
    so that a mask may also stand where nothing is missing; and sentence permutation.
    """

    type: Literal["denoising"]
    corruption_rate: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of tokens missing."""
    mean_span_length: Annotated[float, Field(ge=1)] = 3.0
    """Tokens that a mask stands for, on average."""
    permute_sentences: bool = True
    """Put the sentences of each example into an order that is drawn."""
    examples: ClassVar[ExamplesClass] = NoisyText

    @override
    def make_examples(self, tokens: Tokens, vocabularies: Vocabularies, limits: Limits) -> Examples:
        corruption = Corruption(self.corruption_rate, self.mean_span_length)
        return NoisyText(tokens, vocabularies, limits, corruption, self.permute_sentences)

    @override
    def check_vocabulary(self, vocabulary: Vocabulary) -> None:
        if vocabulary.mask_id is None:
            raise UserError("denoising: the tokenizer has no mask token to stand for spans")

    @override
    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        yield from super().problems(model)
        yield from one_vocabulary(model)
