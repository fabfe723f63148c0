"""Next sentence prediction that also reports the F1 score of class 1."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from archbuilder.objectives.metric import Metric
from archbuilder.objectives.next_sentence import NextSentence


def f1(sums: Mapping[str, float]) -> float:
    """Return 2 tp / (2 tp + fp + fn)."""
    true_positives = sums["true_positives"]
    return 2 * true_positives / max(sums["predicted"] + sums["actual"], 1.0)


class NextSentenceF1(NextSentence):
    """Next sentence prediction with the F1 score as an additional metric."""

    type: Literal["next_sentence_f1"]

    metrics: ClassVar[tuple[Metric, ...]] = (
        *NextSentence.metrics,
        Metric("f1", f1, higher_is_better=True),
    )

    def sums(self, outputs, target):
        from keras import ops

        predicted = ops.cast(ops.argmax(outputs, axis=-1), "float32") * target.weights  # [B]
        actual = ops.cast(target.ids, "float32") * target.weights
        return super().sums(outputs, target) | {
            "predicted": ops.sum(predicted),
            "actual": ops.sum(actual),
            "true_positives": ops.sum(predicted * actual),
        }
