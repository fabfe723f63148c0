"""Training objectives, one file each, and their union. Losses of several objectives are added."""

from archbuilder.objectives.causal_lm import CausalLM
from archbuilder.objectives.denoising import Denoising
from archbuilder.objectives.load_balancing import training_losses
from archbuilder.objectives.loss_term import (
    LossTerm,
    evaluation_metrics,
    loss_terms,
    loss_weights,
    metrics_from_sums,
    printed_metrics,
)
from archbuilder.objectives.masked_lm import MaskedLM
from archbuilder.objectives.next_sentence import NextSentence
from archbuilder.objectives.objective import Objective, example_objective
from archbuilder.objectives.replaced_token_detection import ReplacedTokenDetection
from archbuilder.objectives.sentence_order import SentenceOrder
from archbuilder.objectives.sequence_to_sequence import SequenceToSequence
from archbuilder.objectives.span_corruption import SpanCorruption

AnyObjective = (
    CausalLM
    | Denoising
    | MaskedLM
    | NextSentence
    | ReplacedTokenDetection
    | SentenceOrder
    | SequenceToSequence
    | SpanCorruption
)

__all__ = [
    "AnyObjective",
    "LossTerm",
    "Objective",
    "evaluation_metrics",
    "example_objective",
    "loss_terms",
    "loss_weights",
    "metrics_from_sums",
    "printed_metrics",
    "training_losses",
]
