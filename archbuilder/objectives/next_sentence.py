"""Next sentence prediction: classify whether a segment follows another in its document."""

from typing import ClassVar, Literal

from typing_extensions import override

from archbuilder.objectives.objective import ExamplesClass
from archbuilder.objectives.pair import PairObjective
from archbuilder.text.examples import Limits, NextPairs
from archbuilder.text.examples.pairs import Pairs
from archbuilder.text.token_store import Tokens
from archbuilder.text.vocabularies import Vocabularies


class NextSentence(PairObjective):
    """Next sentence prediction: classification of pairs of segments.

    The second segment follows the first in its document (class 0), or comes from another document
    (class 1). Half of the pairs belong to each class. Devlin et al., 2018, section 3.1, task 2.
    """

    type: Literal["next_sentence"]
    examples: ClassVar[ExamplesClass] = NextPairs

    @override
    def make_examples(self, tokens: Tokens, vocabularies: Vocabularies, limits: Limits) -> Pairs:
        return NextPairs(tokens, vocabularies, limits, self.short_pair_rate)
