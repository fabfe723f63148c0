"""How a model is trained, as data."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from archbuilder.language import Mistake, Spec
from archbuilder.network.architecture import Architecture
from archbuilder.text.order import Budget
from archbuilder.training.distribution import Distribution
from archbuilder.training.optimizer import Optimizer
from archbuilder.training.precision import Precision
from archbuilder.training.schedule import Schedule
from archbuilder.training.tracker import Trackers


class Batch(Spec):
    """How much text a step learns from."""

    tokens: PositiveInt | None = None
    """Tokens in a batch, padding included; where there is a source and a target, of the longer."""
    examples: PositiveInt | None = None
    """Examples in a batch, or rows of packed ones, in place of `tokens`."""
    pad_to_multiple_of: PositiveInt | None = None
    """Tokens: batches are padded to multiples of it, so that there are fewer lengths to compile.
    Unless told, 32 with engine: jax and 1 otherwise."""
    packing: bool = False
    """Put several examples into one row of data.sequence_length tokens, each with positions of its
    own and no attention between them (Krell et al., 2021)."""
    accumulate: PositiveInt = 1
    """Batches whose gradients are added up before a step is taken."""

    @model_validator(mode="after")
    def _one_budget(self):
        if (self.tokens is None) == (self.examples is None):
            raise ValueError("write one of 'tokens' and 'examples'")
        return self

    def budget(self, sequence_length: int, engine: str) -> Budget:
        """How much a batch may hold, with examples of at most `sequence_length` tokens."""
        row_length = sequence_length if self.packing else None
        multiple = self.pad_to_multiple_of or (32 if engine == "jax" else 1)
        return Budget(self.tokens, self.examples, row_length, multiple, sequence_length)


class Training(Spec):
    """How a model is trained."""

    steps: PositiveInt
    """Steps in all."""
    batch: Batch
    """How much text a step learns from."""
    optimizer: Optimizer
    """How gradients move the weights."""
    learning_rate: Schedule
    """The rate by step; a plain number is constant."""
    global_clipnorm: PositiveFloat | None = None
    """Gradients are scaled down to this norm, all together, where they are longer."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Where weights, order, masks and dropout begin."""
    engine: Literal["tensorflow", "jax"] = "tensorflow"
    """What computes the steps."""
    distribution: Distribution | None = None
    """How the steps are spread over several devices."""
    precision: Precision = "auto"
    """What is computed in; weights stay float32. auto: bfloat16 on a GPU that has it, float16 with
    loss scaling on one that has not, float32 elsewhere."""
    jit_compile: bool | None = None
    """Whether steps are compiled by XLA. Unless told, with engine: jax, and on one GPU where
    batches have few lengths."""
    rematerialize: bool = False
    """Compute attention and what is elementwise anew for the gradient, in place of keeping it: less
    memory, more time (Chen et al., 2016). With engine: jax."""
    log_every: PositiveInt = 50
    """Steps between lines of metrics."""
    evaluate_every: PositiveInt = 500
    """Steps between measurements on the validation text."""
    checkpoint_every: PositiveInt = 500
    """Steps between checkpoints."""
    samples: NonNegativeInt | None = None
    """Validation examples for each measurement to show what the model makes of them; always the
    same. Unless told, 2 where an objective fills masks or writes a target. Several processes that
    train together show none."""
    trackers: Trackers = ()
    """Where the run can be watched, beside its metrics.jsonl."""

    def mistakes(self, model: Architecture) -> Iterator[Mistake]:
        """What no single field can know."""
        if self.distribution is not None:
            yield from self._mistakes_of_distribution(self.distribution, model)
        if self.engine == "jax" and self.jit_compile is False:
            yield Mistake(("jit_compile",), "JAX compiles every step; leave it out")
        if self.engine == "tensorflow" and self.rematerialize:
            yield Mistake(
                ("rematerialize",),
                "on TensorFlow, dropout would be drawn anew and the gradients be wrong; "
                "write engine: jax, or leave it out",
            )

    def _mistakes_of_distribution(self, distribution, model) -> Iterator[Mistake]:
        if distribution.engine != self.engine:
            yield Mistake(
                ("distribution", "type"),
                f"{distribution.type} needs engine: {distribution.engine}, not {self.engine}",
            )
        if self.engine == "tensorflow" and self.jit_compile:
            yield Mistake(("jit_compile",), "mirrored steps cannot be compiled; leave it out")
        for mistake in distribution.mistakes(model):
            yield Mistake(("distribution", *mistake.path), mistake.sentence)

    def warnings(self) -> Iterator[str]:
        """What is allowed and yet hardly meant."""
        warmup = getattr(self.learning_rate, "warmup_steps", 0)
        if warmup > self.steps:
            yield (
                f"the warm-up of {warmup} steps is longer than the run of {self.steps}: "
                "the learning rate never reaches its peak"
            )
