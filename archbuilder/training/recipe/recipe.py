"""How a model is trained, as data."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from archbuilder.batches.batch_sampler import BatchSize
from archbuilder.language import Problem, Spec
from archbuilder.network.backbone import BackboneConfig
from archbuilder.tracking import Trackers
from archbuilder.training.recipe.best import EarlyStopping
from archbuilder.training.recipe.distribution import Distribution
from archbuilder.training.recipe.optimizer import Optimizer
from archbuilder.training.recipe.parameter_groups import ParameterGroup
from archbuilder.training.recipe.precision import Precision
from archbuilder.training.recipe.schedule import Schedule
from archbuilder.training.recipe.weight_averaging import WeightAveraging


class Batch(Spec):
    """How much text a step learns from."""

    tokens: PositiveInt | None = None
    """Tokens in a batch, padding included; where there is a source and a target, of the longer."""
    examples: PositiveInt | None = None
    """Examples in a batch, or rows of packed ones, in place of `tokens`."""
    pad_to_multiple_of: PositiveInt | None = None
    """Tokens: batches are padded to multiples of it, so that there are fewer lengths to compile.
    Unless told, 32 with backend: jax and 1 otherwise."""
    packing: bool = False
    """Put several examples into one row of data.sequence_length tokens, each with positions of its
    own and no attention between them (Krell et al., 2021)."""
    gradient_accumulation_steps: PositiveInt = 1
    """Batches whose gradients are added up before a step is taken."""

    @model_validator(mode="after")
    def _one_budget(self):
        if (self.tokens is None) == (self.examples is None):
            raise ValueError("write one of 'tokens' and 'examples'")
        return self

    def batch_size(self, sequence_length: int, backend: str) -> BatchSize:
        """How much a batch may hold, with examples of at most `sequence_length` tokens."""
        row_length = sequence_length if self.packing else None
        multiple = self.pad_to_multiple_of or (32 if backend == "jax" else 1)
        return BatchSize(self.tokens, self.examples, row_length, multiple, sequence_length)


EXTENTS = ("steps", "epochs", "total_tokens", "minutes")


class Training(Spec):
    """How a model is trained."""

    steps: PositiveInt | None = None
    """Steps in all; or else one of the next three."""
    epochs: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """How often the whole text is read."""
    total_tokens: PositiveInt | None = None
    """Tokens to read, padding not counted."""
    minutes: Annotated[float, Field(gt=0, le=1e7)] | None = None
    """Minutes of training, measuring and saving included, preparing not."""
    batch: Batch
    """How much text a step learns from."""
    optimizer: Optimizer
    """How gradients move the weights."""
    learning_rate: Schedule
    """The rate by step; a plain number is constant."""
    layerwise_learning_rate_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """A layer's rate is that of the layer above times this (Clark et al., 2020, appendix B); heads
    have the full rate."""
    parameter_groups: tuple[ParameterGroup, ...] = ()
    """Layers that are trained at other rates, or with other decay."""
    freeze: tuple[str, ...] = ()
    """Names of layers that stay as they are, with * for any letters: encoder.layers.0.*"""
    weight_averaging: WeightAveraging | None = None
    """An average of the weights, which is measured and saved in their place."""
    global_clipnorm: PositiveFloat | None = None
    """Gradients are scaled down to this norm, all together, where they are longer."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Where weights, order, masks and dropout begin."""
    backend: Literal["tensorflow", "jax"] = "tensorflow"
    """What computes the steps."""
    distribution: Distribution | None = None
    """How the steps are spread over several devices."""
    precision: Precision = "auto"
    """What is computed in; weights stay float32. auto: bfloat16 on a GPU that has it, float16 with
    loss scaling on one that has not, float32 elsewhere."""
    jit_compile: bool | None = None
    """Whether steps are compiled by XLA. Unless told, with backend: jax, and on one GPU where
    batches have few lengths."""
    log_every: PositiveInt = 50
    """Steps between lines of metrics."""
    evaluate_every: PositiveInt = 500
    """Steps between measurements on the validation text."""
    checkpoint_every: PositiveInt = 500
    """Steps between checkpoints."""
    monitor: str = "loss"
    """The measurement by which the best model is kept: loss, or an objective's loss, accuracy or
    perplexity, as in masked_lm_accuracy."""
    early_stopping: EarlyStopping | None = None
    """When to stop before the end."""
    show_predictions: NonNegativeInt | None = None
    """Validation examples for each measurement to show what the model makes of them; always the
    same. Unless told, 2 where an objective fills masks or writes a target. Several processes that
    train together show none."""
    trackers: Trackers = ()
    """Where the run can be watched, beside its metrics.jsonl."""

    @model_validator(mode="after")
    def _one_extent(self):
        if sum(getattr(self, name) is not None for name in EXTENTS) != 1:
            raise ValueError(f"write one of {', '.join(map(repr, EXTENTS))}")
        return self

    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        """What no single field can know."""
        if self.distribution is not None:
            yield from self._distribution_problems(self.distribution, model)
        if self.minutes is not None and self.learning_rate.needs_steps:
            yield Problem(
                ("minutes",),
                f"the number of steps is not known, and a {self.learning_rate.type} learning_rate "
                "needs it; inverse_square_root or constant does not",
            )
        if self.weight_averaging is not None and self.optimizer.type == "schedule_free_adamw":
            yield Problem(("weight_averaging",), "schedule_free_adamw keeps an average of its own")
        if self.backend == "jax" and self.jit_compile is False:
            yield Problem(("jit_compile",), "JAX compiles every step; leave it out")

    def _distribution_problems(
        self, distribution: Distribution, model: BackboneConfig
    ) -> Iterator[Problem]:
        if distribution.backend != self.backend:
            yield Problem(
                ("distribution", "type"),
                f"{distribution.type} needs backend: {distribution.backend}, not {self.backend}",
            )
        if self.backend == "tensorflow" and self.jit_compile:
            yield Problem(("jit_compile",), "mirrored steps cannot be compiled; leave it out")
        for mistake in distribution.problems(model):
            yield Problem(("distribution", *mistake.path), mistake.sentence)

    def warnings(self, steps: int | None) -> Iterator[str]:
        """What is allowed and yet hardly meant, in a run of so many steps."""
        warmup = getattr(self.learning_rate, "warmup_steps", 0)
        if steps is not None and warmup > steps:
            yield (
                f"the warm-up of {warmup} steps is longer than the run of {steps}: "
                "the learning rate never reaches its peak"
            )
