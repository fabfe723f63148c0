"""The load-balancing loss of a mixture of experts, as a loss term of the backbone."""

from collections.abc import Mapping

import numpy as np

from archbuilder.network.backbone import BackboneConfig
from archbuilder.network.feed_forward import LOAD_BALANCING
from archbuilder.objectives.loss_term import LossTerm, Tensor, TrainingLoss
from archbuilder.objectives.metric import LOSS
from archbuilder.objectives.objective import Objective
from archbuilder.text.batch import Batch, Target
from archbuilder.text.vocabulary import Vocabulary


class LoadBalancing:
    """A loss that the backbone computes for each row, already multiplied by its weight."""

    def prepare_batch(
        self, name: str, batch: Batch, rng: "np.random.Generator", vocabulary: Vocabulary
    ) -> None:
        """Add a target whose weight is 1 for each row that has real tokens."""
        weights = np.any(batch.padding_masks()[0] > 0, axis=1).astype("float32")
        batch.targets[name] = Target(np.zeros(len(weights), "int32"), weights)

    def terms(self, name: str) -> dict[str, LossTerm]:
        """Return the loss term, which is not part of evaluations."""

        def sums(outputs: Mapping[str, Tensor], target: Target) -> dict[str, Tensor]:
            from keras import ops

            return {
                "loss": ops.sum(outputs[name] * target.weights),
                "count": ops.sum(target.weights),
            }

        return {name: LossTerm(sums, (LOSS,), predicts_ids=False, training_only=True)}

    def weight_at(self, step: int | None, steps: int | None) -> float:
        """Return 1, as the backbone applies the weight."""
        return 1.0


def training_losses(
    backbone: BackboneConfig, objectives: Mapping[str, Objective]
) -> dict[str, TrainingLoss]:
    """Return the losses that are added in training, by name.

    Args:
        backbone: Backbone, which may have a load-balancing loss.
        objectives: Objectives by name.
    """
    losses: dict[str, TrainingLoss] = dict(objectives)
    if backbone.has_load_balancing_loss:
        losses[LOAD_BALANCING] = LoadBalancing()
    return losses
