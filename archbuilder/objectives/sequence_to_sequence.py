"""Sequence to sequence: predict the target, such as a translation, from the source."""

from typing import ClassVar, Literal

from archbuilder.objectives.objective import ExamplesClass
from archbuilder.objectives.seq2seq import Seq2SeqObjective
from archbuilder.text.examples import Translations


class SequenceToSequence(Seq2SeqObjective):
    """Prediction of each target token from the source and the true target tokens before it.

    Vaswani et al., 2017; label smoothing in section 5.4.
    """

    type: Literal["sequence_to_sequence"]
    examples: ClassVar[ExamplesClass] = Translations
    shows_predictions: ClassVar[bool] = True
