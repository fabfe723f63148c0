"""The state of a run, except for the variables of its engine."""

from archbuilder.batches.batches import Batches
from archbuilder.objectives import evaluation_metrics, loss_terms
from archbuilder.training.loop.training_length import TrainingLength
from archbuilder.training.recipe.best import Best
from archbuilder.training.recipe.recipe import Training


class TrainingState:
    """The step of a run, its best and last metrics, and its time."""

    def __init__(self, recipe: Training, train: Batches) -> None:
        self._recipe = recipe
        self._metric = evaluation_metrics(loss_terms(train.losses))[recipe.monitor]
        self.length = TrainingLength(recipe, train)
        self.step = 0
        self.checkpoint_step = 0
        """The step of the last checkpoint; 0 without checkpoints."""
        self.last: dict = {}
        """The metrics of the last evaluated step."""
        self.forget_best()

    @property
    def is_finished(self) -> bool:
        """Whether the run has reached its length or stopped early."""
        return self.step > 0 and (self.length.is_reached(self.step) or self.best.should_stop)

    def forget_best(self) -> None:
        """Forget the best evaluation, so that the next one is the best."""
        higher_is_better = self._metric.higher_is_better
        self.best = Best(self._recipe.monitor, self._recipe.early_stopping, higher_is_better)

    def to_dict(self) -> dict:
        """Return the values that a checkpoint stores."""
        return {
            "step": self.step,
            "best": self.best.state(),
            "last": self.last,
            "seconds": self.length.seconds,
        }

    def restore(self, stored: dict) -> None:
        """Restore the values of a checkpoint."""
        self.step, self.last = stored["step"], stored["last"]
        self.length.seconds = stored["seconds"]
        self.best.restore(stored["best"])
