"""Sentence order prediction: whether two consecutive segments are in order or swapped."""

from typing import ClassVar, Literal

from typing_extensions import override

from archbuilder.objectives.objective import ExamplesClass
from archbuilder.objectives.pair import PairObjective
from archbuilder.text.examples import Limits, OrderedPairs
from archbuilder.text.examples.pairs import Pairs
from archbuilder.text.token_store import Tokens
from archbuilder.text.vocabularies import Vocabularies


class SentenceOrder(PairObjective):
    """Sentence order prediction: classification of pairs of consecutive segments.

    The segments are in order (class 0) or swapped (class 1); half of the pairs are of each class.
    Lan et al., 2020, section 3.1.
    """

    type: Literal["sentence_order"]
    examples: ClassVar[ExamplesClass] = OrderedPairs

    @override
    def make_examples(self, tokens: Tokens, vocabularies: Vocabularies, limits: Limits) -> Pairs:
        return OrderedPairs(tokens, vocabularies, limits, self.short_pair_rate)
