"""A small spec language with variants, optional fields, names, files and ranges."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, model_validator

from archbuilder.language import FilePath, Problem, SettingsByName, Spec
from archbuilder.language.partial import Partial, merge_settings

Fraction = Annotated[float, Field(ge=0, lt=1)]


class MultiHead(Spec):
    """Attention in which each head has its own keys."""

    type: Literal["multi_head"]
    num_heads: PositiveInt
    """Number of heads, which divides
    `hidden_dim`."""
    window: PositiveInt | None = None
    """Number of tokens on each side. Default: all."""


class GroupedQuery(Spec):
    """Attention in which groups of heads share keys."""

    type: Literal["grouped_query"]
    num_heads: PositiveInt
    """Number of heads."""
    num_key_value_heads: PositiveInt
    """Number of pairs of key and value."""


Attention = Annotated[MultiHead | GroupedQuery, Field(discriminator="type")]


class FeedForward(Spec):
    """Two projections with an activation between them."""

    intermediate_dim: Annotated[int, Field(ge=1, le=10_000, multiple_of=2)]
    """Width of the hidden layer."""
    activation: Literal["relu", "gelu"] = "relu"
    """The activation function."""


class Layer(Spec):
    """A layer with attention and a feed-forward network."""

    attention: Attention
    """The attention sublayer."""
    feed_forward: FeedForward
    """The feed-forward sublayer."""
    dropout: Fraction = 0.0
    """Dropout rate."""


class LayerOverride(Layer):
    """Settings of a slice of layers that differ from the stack."""

    layers: Annotated[str, Field(pattern=r"^[0-9]*:[0-9]*(:[0-9]+)?$")]
    """Slice of layer indices."""


class Stack(Layer):
    """A stack of layers with the same settings, except for overrides."""

    num_layers: PositiveInt
    """Number of layers."""
    overrides: tuple[Annotated[dict[str, Any], Partial(LayerOverride)], ...] = ()
    """Overrides of slices of layers."""

    @model_validator(mode="wrap")
    @classmethod
    def _validate_overrides(cls, data: Any, handler: Any) -> Any:
        stack = handler(data)
        if stack.overrides and isinstance(data, dict):
            own = {name: data[name] for name in Layer.model_fields if name in data}
            # Validated under the same path, so that a problem is reported at the override's line.
            merged = tuple(merge_settings(own, override) for override in stack.overrides)
            MergedOverrides(overrides=merged)
        return stack


class MergedOverrides(Spec):
    """The settings of layers with the overrides applied."""

    overrides: tuple[LayerOverride, ...]


class MaskedLM(Spec):
    """Prediction of masked tokens."""

    type: Literal["masked_lm"]
    mask_selection_rate: Fraction = 0.15
    """Fraction of tokens that are selected."""


class Classification(Spec):
    """Prediction of a class."""

    type: Literal["classification"]
    num_classes: Annotated[int, Field(ge=2)]
    """Number of classes."""


class Data(Spec):
    """Text files."""

    files: FilePath | tuple[FilePath, ...]
    """Paths of the files."""
    lowercase: bool = False
    """Whether the text is lowercased."""
    length: PositiveInt = 128
    """Maximum number of tokens."""
    shape: tuple[int, int] = (1, 1)
    """Numbers of rows and columns."""
    pattern: Annotated[str, Field(min_length=1, max_length=5)] = "x"
    """Pattern of the lines to keep."""


class Constant(Spec):
    """A constant learning rate."""

    type: Literal["constant"]
    rate: PositiveFloat
    """The learning rate."""


class Linear(Spec):
    """A linear warmup and decay."""

    type: Literal["linear"]
    peak: PositiveFloat
    """Highest learning rate."""


def _constant(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"type": "constant", "rate": value} if is_number else value


Schedule = Annotated[
    Annotated[Constant | Linear, Field(discriminator="type")],
    BeforeValidator(_constant, json_schema_input_type=float | Constant | Linear),
]


class Batch(Spec):
    """Size of a batch."""

    tokens: PositiveInt | None = None
    """Number of tokens."""
    examples: PositiveInt | None = None
    """Number of examples."""

    @model_validator(mode="after")
    def _one_of_two(self):
        if (self.tokens is None) == (self.examples is None):
            raise ValueError("write one of 'tokens' and 'examples'")
        return self


class Training(Spec):
    """Settings of training."""

    steps: PositiveInt
    """Number of steps."""
    batch: Batch
    """Size of the batches."""
    learning_rate: Schedule = Constant(type="constant", rate=1e-3)
    """Learning rate schedule. A number is a constant learning rate."""


class Model(Spec):
    """Settings of the network."""

    hidden_dim: PositiveInt
    """Width of the network."""
    encoder: Stack
    """The encoder."""
    decoder: Stack | None = None
    """The decoder. Default: no decoder."""


class Toy(Spec):
    """A spec of the toy language."""

    name: str
    """The name of the spec."""
    model: Model
    """The network."""
    objectives: Annotated[dict[str, MaskedLM | Classification], SettingsByName()] = Field(
        default_factory=dict
    )
    """Objectives by name."""
    data: Data | None = None
    """The training data. Default: no data."""
    training: Training | None = None
    """The training. Default: no training."""

    @classmethod
    def problems(cls, parts: dict[str, Any]) -> Iterator[Problem]:
        model, data, objectives = (parts.get(name) for name in ("model", "data", "objectives"))
        for stack_name in ("encoder", "decoder") if model else ():
            stack = getattr(model, stack_name)
            if stack is not None and model.hidden_dim % stack.attention.num_heads:
                heads, dim = stack.attention.num_heads, model.hidden_dim
                path = ("model", stack_name, "attention", "num_heads")
                yield Problem(path, f"num_heads ({heads}) must divide hidden_dim ({dim})")
        if data is not None and data.length > 512:
            yield Problem(("data", "length"), f"must be at most 512, not {data.length}")
        if "objectives" in parts and not objectives:
            yield Problem(("objectives",), "must have at least one item")


SPEC = """\
name: toy
model:
  hidden_dim: 64
  encoder: &stack
    num_layers: 6
    attention: {type: multi_head, num_heads: 8}
    feed_forward: {intermediate_dim: 256, activation: gelu}
    dropout: 0.1
  decoder: *stack
objectives:
  masked_lm: {mask_selection_rate: 0.15}
  topic: {type: classification, num_classes: 4}
training:
  steps: 100
  batch: {tokens: 4096}
  learning_rate: 1e-4
"""


def changed(*pairs: tuple[str, str]) -> str:
    """Return `SPEC` with each old text replaced by the new text. Each occurs exactly once."""
    text = SPEC
    for old, new in pairs:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text
