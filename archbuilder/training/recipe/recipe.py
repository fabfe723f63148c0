"""The training recipe: the section `training` of a spec."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

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
    """The batch size of a training step, in tokens or in examples."""

    tokens: PositiveInt | None = None
    """Maximum number of tokens in a batch, padding included. With a source and a target, the
    tokens of the longer side count. Default: unlimited, if `examples` is given."""
    examples: PositiveInt | None = None
    """Number of examples in a batch, or of rows if `packing` is set. Default: as many as `tokens`
    allows."""
    pad_to_multiple_of: PositiveInt | None = None
    """The length of a batch is padded to a multiple of this number of tokens, so that fewer
    lengths are compiled. Default: 32 with backend: jax, otherwise 1."""
    packing: bool = False
    """Whether a row of data.sequence_length tokens contains several examples. Positions start at
    each example, and attention is limited to it (Krell et al., 2021)."""
    gradient_accumulation_steps: PositiveInt = 1
    """Number of batches whose gradients are added up before the weights are updated."""

    @model_validator(mode="after")
    def _has_one_size(self) -> Self:
        if (self.tokens is None) == (self.examples is None):
            raise ValueError("set either 'tokens' or 'examples'")
        return self

    def batch_size(self, sequence_length: int, backend: str) -> BatchSize:
        """Return the capacity of a batch of examples of at most `sequence_length` tokens."""
        row_length = sequence_length if self.packing else None
        multiple = self.pad_to_multiple_of or (32 if backend == "jax" else 1)
        return BatchSize(self.tokens, self.examples, row_length, multiple, sequence_length)


LENGTH_FIELDS = ("steps", "epochs", "total_tokens", "minutes")
"""The fields that set the length of training; a spec has exactly one of them."""


class Training(Spec):
    """The training recipe: length, batch size, optimizer, backend and checkpoints."""

    steps: PositiveInt | None = None
    """Number of optimizer steps. Default: computed from `epochs`, `total_tokens` or `minutes`;
    exactly one of the four is set."""
    epochs: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """Number of passes over the training text, which may be a fraction. Default: see `steps`."""
    total_tokens: PositiveInt | None = None
    """Number of tokens to train on, without padding. Default: see `steps`."""
    minutes: Annotated[float, Field(gt=0, le=1e7)] | None = None
    """Time limit in minutes, with evaluations and checkpoints, without the preparation of data.
    Default: see `steps`."""
    batch: Batch
    """The batch size."""
    optimizer: Optimizer
    """The optimizer."""
    learning_rate: Schedule
    """The learning rate schedule; a number is a constant learning rate."""
    layerwise_learning_rate_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The learning rate of a layer is that of the next layer times this factor; heads have the
    full learning rate (Clark et al., 2020, appendix B)."""
    parameter_groups: tuple[ParameterGroup, ...] = ()
    """Layers with another learning rate or weight decay."""
    freeze: tuple[str, ...] = ()
    """Names of layers that are not trained, with wildcards, as in encoder.layers.0.*"""
    weight_averaging: WeightAveraging | None = None
    """An average of the weights, which is evaluated and saved in place of the weights. Default: no
    averaging."""
    global_clipnorm: PositiveFloat | None = None
    """Maximum norm of the gradients of all weights together; longer gradients are scaled down.
    Default: no clipping."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of all random numbers: initial weights, order of examples, masks and dropout."""
    backend: Literal["tensorflow", "jax"] = "tensorflow"
    """The Keras backend that computes the steps."""
    distribution: Distribution | None = None
    """The distribution of a step over several devices. Default: a single device."""
    precision: Precision = "auto"
    """Data type of the computation; weights are float32. auto: bfloat16 on GPUs with bfloat16,
    float16 with loss scaling on GPUs without bfloat16, and float32 on a CPU."""
    jit_compile: bool | None = None
    """Whether XLA compiles the steps. Default: true with backend: jax, and on a single GPU if
    batches have few different lengths; otherwise false."""
    log_every: PositiveInt = 50
    """Number of steps between log lines."""
    evaluate_every: PositiveInt = 500
    """Number of steps between evaluations on the validation text."""
    checkpoint_every: PositiveInt = 500
    """Number of steps between checkpoints."""
    monitor: str = "loss"
    """The validation metric that selects the best model: loss, or a metric of an objective, such
    as masked_lm_loss, masked_lm_accuracy or masked_lm_perplexity."""
    early_stopping: EarlyStopping | None = None
    """The condition for stopping before the end. Default: no early stopping."""
    show_predictions: NonNegativeInt | None = None
    """Number of validation examples whose predictions are shown at each evaluation; always the
    same examples. 0 disables them, and several processes show none. Default: 2 for objectives
    that fill masks or generate a target."""
    trackers: Trackers = ()
    """Experiment trackers that receive the metrics, in addition to metrics.jsonl."""

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        if sum(getattr(self, name) is not None for name in LENGTH_FIELDS) != 1:
            raise ValueError(f"set exactly one of {', '.join(map(repr, LENGTH_FIELDS))}")
        return self

    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        """Yield the problems that involve several fields, or the model."""
        if self.distribution is not None:
            yield from self._distribution_problems(self.distribution, model)
        if self.minutes is not None and self.learning_rate.needs_steps:
            yield Problem(
                ("minutes",),
                f"gives no number of steps, which learning_rate {self.learning_rate.type} needs; "
                "use inverse_square_root or constant, or set 'steps'",
            )
        if self.weight_averaging is not None and self.optimizer.type == "schedule_free_adamw":
            yield Problem(
                ("weight_averaging",),
                "schedule_free_adamw averages the weights itself; remove weight_averaging",
            )
        if self.backend == "jax" and self.jit_compile is False:
            yield Problem(("jit_compile",), "must not be false: JAX compiles every step; remove it")

    def _distribution_problems(
        self, distribution: Distribution, model: BackboneConfig
    ) -> Iterator[Problem]:
        if distribution.backend != self.backend:
            yield Problem(
                ("distribution", "type"),
                f"{distribution.type} requires backend: {distribution.backend}, not {self.backend}",
            )
        if self.backend == "tensorflow" and self.jit_compile:
            yield Problem(
                ("jit_compile",), "must not be true: mirrored steps cannot be compiled; remove it"
            )
        for problem in distribution.problems(model):
            yield Problem(("distribution", *problem.path), problem.message)

    def warnings(self, steps: int | None) -> Iterator[str]:
        """Yield warnings about valid but suspicious settings.

        Args:
            steps: Number of steps of the run; None if a time limit ends it.
        """
        warmup = getattr(self.learning_rate, "warmup_steps", 0)
        if steps is not None and warmup > steps:
            yield (
                f"warmup_steps ({warmup}) is greater than the number of steps ({steps}): "
                "the learning rate never reaches its peak"
            )
