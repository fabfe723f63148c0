"""A small language with one of everything: variants, optional parts, names, files, ranges."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, model_validator

from archbuilder.language import FilePath, Problem, SettingsByName, Spec
from archbuilder.language.partial import Partial, merge_settings

Share = Annotated[float, Field(ge=0, lt=1)]


class MultiHead(Spec):
    """Every head its own keys."""

    type: Literal["multi_head"]
    num_heads: PositiveInt
    """Heads; they divide
    `hidden_dim`."""
    window: PositiveInt | None = None
    """Tokens on each side."""


class GroupedQuery(Spec):
    """Heads that share keys."""

    type: Literal["grouped_query"]
    num_heads: PositiveInt
    """Heads."""
    num_key_value_heads: PositiveInt
    """Pairs of key and value."""


Attention = Annotated[MultiHead | GroupedQuery, Field(discriminator="type")]


class FeedForward(Spec):
    """Two projections."""

    intermediate_dim: Annotated[int, Field(ge=1, le=10_000, multiple_of=2)]
    """Width within."""
    activation: Literal["relu", "gelu"] = "relu"
    """What stands between."""


class Layer(Spec):
    """Attention, then a feed-forward."""

    attention: Attention
    """How tokens look at each other."""
    feed_forward: FeedForward
    """What each goes through alone."""
    dropout: Share = 0.0
    """Share dropped."""


class Change(Layer):
    """What differs in some layers."""

    layers: Annotated[str, Field(pattern=r"^[0-9]*:[0-9]*(:[0-9]+)?$")]
    """A slice."""


class Stack(Layer):
    """Equal layers, but for what `overrides` changes."""

    num_layers: PositiveInt
    """Layers."""
    overrides: tuple[Annotated[dict[str, Any], Partial(Change)], ...] = ()
    """Changes to some layers."""

    @model_validator(mode="wrap")
    @classmethod
    def _changes_make_layers(cls, data: Any, handler: Any) -> Any:
        stack = handler(data)
        if stack.overrides and isinstance(data, dict):
            own = {name: data[name] for name in Layer.model_fields if name in data}
            # Validated where they stand, so that a mistake is told at the change's line.
            Changed(overrides=tuple(merge_settings(own, change) for change in stack.overrides))
        return stack


class Changed(Spec):
    """The layers that the changes make."""

    overrides: tuple[Change, ...]


class MaskedLM(Spec):
    """Guess what is hidden."""

    type: Literal["masked_lm"]
    mask_selection_rate: Share = 0.15
    """Share of tokens."""


class Classification(Spec):
    """Choose a class."""

    type: Literal["classification"]
    num_classes: Annotated[int, Field(ge=2)]
    """Classes."""


class Data(Spec):
    """Text."""

    files: FilePath | tuple[FilePath, ...]
    """Where it is."""
    lowercase: bool = False
    """Whether capitals are lost."""
    length: PositiveInt = 128
    """Tokens."""
    shape: tuple[int, int] = (1, 1)
    """Rows and columns."""
    pattern: Annotated[str, Field(min_length=1, max_length=5)] = "x"
    """What to keep."""


class Constant(Spec):
    """One rate."""

    type: Literal["constant"]
    rate: PositiveFloat
    """The rate."""


class Linear(Spec):
    """Up and down."""

    type: Literal["linear"]
    peak: PositiveFloat
    """The highest."""


def _constant(value: Any) -> Any:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return {"type": "constant", "rate": value} if plain else value


Schedule = Annotated[
    Annotated[Constant | Linear, Field(discriminator="type")],
    BeforeValidator(_constant, json_schema_input_type=float | Constant | Linear),
]


class Batch(Spec):
    """How much at once."""

    tokens: PositiveInt | None = None
    """Tokens."""
    examples: PositiveInt | None = None
    """Examples."""

    @model_validator(mode="after")
    def _one_of_two(self):
        if (self.tokens is None) == (self.examples is None):
            raise ValueError("write one of 'tokens' and 'examples'")
        return self


class Training(Spec):
    """How it learns."""

    steps: PositiveInt
    """Steps."""
    batch: Batch
    """Text in a step."""
    learning_rate: Schedule = Constant(type="constant", rate=1e-3)
    """By step; a number is constant."""


class Model(Spec):
    """The network."""

    hidden_dim: PositiveInt
    """Width."""
    encoder: Stack
    """Reads."""
    decoder: Stack | None = None
    """Writes."""


class Toy(Spec):
    """A spec of the toy language."""

    name: str
    """What it is called."""
    model: Model
    """The network."""
    objectives: Annotated[dict[str, MaskedLM | Classification], SettingsByName()] = Field(
        default_factory=dict
    )
    """What it learns."""
    data: Data | None = None
    """From what."""
    training: Training | None = None
    """How."""

    @classmethod
    def problems(cls, parts: dict[str, Any]) -> Iterator[Problem]:
        model, data, objectives = (parts.get(name) for name in ("model", "data", "objectives"))
        for side in ("encoder", "decoder") if model else ():
            stack = getattr(model, side)
            if stack is not None and model.hidden_dim % stack.attention.num_heads:
                heads = stack.attention.num_heads
                path = ("model", side, "attention", "num_heads")
                yield Problem(path, f"{heads} heads do not divide hidden_dim {model.hidden_dim}")
        if data is not None and data.length > 512:
            yield Problem(("data", "length"), f"{data.length} tokens are more than 512")
        if "objectives" in parts and not objectives:
            yield Problem(("objectives",), "at least one objective is needed")


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
