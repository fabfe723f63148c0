"""Training objectives: a file each, and their union. Several add up without knowing each other."""

from archbuilder.objectives.causal_lm import CausalLM
from archbuilder.objectives.denoising import Denoising
from archbuilder.objectives.masked_lm import MaskedLM
from archbuilder.objectives.next_sentence import NextSentence
from archbuilder.objectives.objective import Objective, deciding, scored, weights_at
from archbuilder.objectives.replaced_token_detection import ReplacedTokenDetection
from archbuilder.objectives.sentence_order import SentenceOrder
from archbuilder.objectives.sequence_to_sequence import SequenceToSequence
from archbuilder.objectives.span_corruption import SpanCorruption

AnyObjective = (
    SequenceToSequence
    | MaskedLM
    | NextSentence
    | CausalLM
    | SentenceOrder
    | SpanCorruption
    | Denoising
    | ReplacedTokenDetection
)

__all__ = [
    "AnyObjective",
    "CausalLM",
    "Denoising",
    "MaskedLM",
    "NextSentence",
    "Objective",
    "ReplacedTokenDetection",
    "SentenceOrder",
    "SequenceToSequence",
    "SpanCorruption",
    "deciding",
    "scored",
    "weights_at",
]
