"""What a run tells before it begins: what it is, what was chosen, and what is hardly meant."""

from collections.abc import Iterator
from math import prod

from archbuilder.batches.training_data import TrainingData


class RunHeader:
    """The first lines of a run of `steps` steps, or of None where time decides."""

    def __init__(self, experiment, material: TrainingData, steps: int | None):
        self.experiment, self.material, self.steps = experiment, material, steps
        self.recipe = experiment.training

    def all(self, weights: list[tuple], chosen: str, extent: str) -> Iterator[str]:
        """`weights` are (shape, whether it is trained); `chosen` is what the machine made
        of the recipe, and `extent` how long the run is."""
        yield (
            f"{self.experiment.name}: {_count(weights)}, {self.recipe.engine}, {chosen}, "
            f"seed {self.recipe.seed}"
        )
        epoch = len(self.material.train)
        epochs = ""
        if self.steps is not None:
            epochs = f", {self.steps * self.recipe.batch.accumulate / epoch:.1f} epochs"
        yield (
            f"{extent}, {_budget(self.recipe.batch)}, learning rate at most {self._peak():.2e}, "
            f"{epoch} batches an epoch{epochs}"
        )
        warnings = [*self.recipe.warnings(self.steps), *self.material.notes(), *self._small_data()]
        yield from (f"warning: {line}" for line in warnings)

    def _peak(self) -> float:
        schedule, width = self.recipe.learning_rate, self.experiment.model.hidden_dim
        turn = getattr(schedule, "warmup_steps", 1) or 1
        steps = self.steps or turn
        # Rates rise to the end of the warm-up, and go one way from there on.
        looked = (1, min(turn, steps), steps)
        return max(schedule.rate_at(step, self.steps, width) for step in looked)

    def _small_data(self) -> Iterator[str]:
        count, epoch = self.recipe.batch.accumulate, len(self.material.train)
        if count > epoch:
            yield f"a step accumulates {count} batches, and the whole training text has {epoch}"


def _count(weights: list[tuple]) -> str:
    sizes = [(prod(shape), trained) for shape, trained in weights]
    total, trained = sum(size for size, _ in sizes), sum(size for size, one in sizes if one)
    told = f"{total:,} parameters"
    return told if trained == total else f"{told}, {trained:,} of them trained"


def _budget(batch) -> str:
    size = f"{batch.tokens} tokens" if batch.tokens else f"{batch.examples} examples"
    return f"{batch.accumulate} x {size} a step" if batch.accumulate > 1 else f"{size} a step"
