"""Sequence to sequence: write the target, token by token, after reading the source."""

from typing import ClassVar, Literal

from archbuilder.objectives.objective import ExamplesClass
from archbuilder.objectives.seq2seq import Seq2SeqObjective
from archbuilder.text.examples import Translations


class SequenceToSequence(Seq2SeqObjective):
    """Guess each token of the target from the source and the true tokens before it.

    Vaswani et al., 2017; label smoothing in section 5.4.
    """

    type: Literal["sequence_to_sequence"]
    examples: ClassVar[ExamplesClass] = Translations
    shows_predictions: ClassVar[bool] = True
