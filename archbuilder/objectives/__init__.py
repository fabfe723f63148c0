"""Training objectives: a file each, and their union. Several add up without knowing each other."""

from archbuilder.objectives.causal_lm import CausalLM
from archbuilder.objectives.masked_lm import MaskedLM
from archbuilder.objectives.next_sentence import NextSentence
from archbuilder.objectives.objective import Objective, deciding
from archbuilder.objectives.sequence_to_sequence import SequenceToSequence

AnyObjective = SequenceToSequence | MaskedLM | NextSentence | CausalLM

__all__ = [
    "AnyObjective",
    "CausalLM",
    "MaskedLM",
    "NextSentence",
    "Objective",
    "SequenceToSequence",
    "deciding",
]
