"""Rows of the table that maps a `config.json` to a spec, in both directions."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from typing_extensions import override

from archbuilder.pretrained.hugging_face.config import ACTIVATIONS, Config

Tree = dict[str, Any]
"""A model as plain data. On reading, the key `heads` has the settings of each head."""

_REQUIRED = object()
_MISSING = object()


class Row(ABC):
    """The interface of rows, each of which maps fields of a `config.json` to settings of a spec."""

    @abstractmethod
    def read(self, config: Config, spec: Tree) -> None:
        """Set the values of the fields in `spec`. Raise UserError if a value is not supported."""

    @abstractmethod
    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        """Add the fields of a model. Raise LookupError if the model lacks a required setting."""


class Conversion(NamedTuple):
    """Conversion of values that a `config.json` and a spec represent differently."""

    read: Callable[[Config, str, Any], Any] = Config.get
    """Function (config, name, default) that returns the spec's value of a field."""
    write: Callable[[Any], Any] = lambda value: value
    """Function that returns the field's value for a value of the spec."""


SAME = Conversion()
ACTIVATION = Conversion(
    Config.activation,
    lambda name: next((field for field, setting in ACTIVATIONS.items() if setting == name), None),
)
BIASES = Conversion(
    lambda config, name, default: (
        ["query", "key", "value", "output"] if config.get(name, default) else []
    ),
    bool,
)
"""Conversion of a boolean: whether all attention projections have a bias."""


@dataclass(frozen=True)
class Field(Row):
    """A field and the settings that it determines."""

    name: str
    """The name in a `config.json`."""
    paths: str | tuple[str, ...]
    """The settings in a spec. Reading sets all of them; writing uses the first."""
    default: Any = None
    """The value if the field is missing, or a function that computes it from other fields."""
    conversion: Conversion = SAME
    absent: Any = _REQUIRED
    """The value to write if the model lacks the setting. Default: the model is not supported."""

    @override
    def read(self, config: Config, spec: Tree) -> None:
        default = self.default(config) if callable(self.default) else self.default
        value = self.conversion.read(config, self.name, default)
        for path in (self.paths,) if isinstance(self.paths, str) else self.paths:
            set_path(spec, path, value)

    @override
    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        path = self.paths if isinstance(self.paths, str) else self.paths[0]
        value = get_path(model, path, _MISSING)
        if value is not _MISSING:
            fields[self.name] = self.conversion.write(value)
        elif self.absent is not _REQUIRED:
            fields[self.name] = self.absent
        else:
            raise LookupError(path)


@dataclass(frozen=True)
class Constant(Row):
    """A field with a single supported value."""

    name: str
    value: Any
    written: bool = True
    """Whether the field is written. Default: True."""

    @override
    def read(self, config: Config, spec: Tree) -> None:
        config.require(**{self.name: self.value})

    @override
    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        if self.written:
            fields[self.name] = self.value


@dataclass(frozen=True)
class Equal(Row):
    """A field that must equal another field, which precedes it in the table."""

    name: str
    other: str
    """The name of the other field."""
    written: bool = False
    """Whether the field is written. Default: False."""

    @override
    def read(self, config: Config, spec: Tree) -> None:
        config.require(**{self.name: config.get(self.other)})

    @override
    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        if self.written:
            fields[self.name] = fields[self.other]


@dataclass(frozen=True)
class Unused(Row):
    """A field without effect on the network. It is written only if `value` is set."""

    name: str
    value: Any = _MISSING

    @override
    def read(self, config: Config, spec: Tree) -> None:
        config.get(self.name)

    @override
    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        if self.value is not _MISSING:
            fields[self.name] = self.value


@dataclass(frozen=True)
class Derived(Row):
    """A setting that is computed from other settings and has no field of its own."""

    path: str
    """The path of the setting in a spec."""
    derive: Callable[[Config, Tree], Any]
    """Function that returns the setting, given the fields and the settings of earlier rows."""

    @override
    def read(self, config: Config, spec: Tree) -> None:
        set_path(spec, self.path, self.derive(config, spec))

    @override
    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        pass


@dataclass(frozen=True)
class TiedOutput(Row):
    """The field `tie_word_embeddings` of a decoder, which ties the output projection.

    The files of a model without a head have no output projection, tied or not.
    """

    default: bool
    """The value if the field is missing."""

    @override
    def read(self, config: Config, spec: Tree) -> None:
        tied = config.get("tie_word_embeddings", self.default)
        set_path(spec, "embeddings.tie", "output" if tied else "none")
        if not tied and not config.has_weights("output"):
            del spec["heads"]["causal_lm"]

    @override
    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        fields["tie_word_embeddings"] = model["embeddings"]["tie"] in ("output", "all")


def unwritten(**values: Any) -> tuple[Row, ...]:
    """Return rows of fields with a single supported value, which is their default."""
    return tuple(Constant(name, value, written=False) for name, value in values.items())


def stack(feed_forward: str, norm: Tree, attention: Tree | None = None, **settings: Any) -> Tree:
    """Return the settings that all models of an architecture share in a stack.

    Args:
        feed_forward: The type of the feed-forward layers.
        norm: The settings of the norms.
        attention: The settings of the attention layers besides their type. Default: none.
        **settings: Other settings of the stack.
    """
    return {
        "attention": {"type": "multi_head"} | (attention or {}),
        "feed_forward": {"type": feed_forward},
        "norm": norm,
    } | settings


def both_stacks(path: str) -> tuple[str, str]:
    """Return the paths of a setting in the encoder and in the decoder."""
    return f"encoder.{path}", f"decoder.{path}"


def get_path(tree: Any, path: str, default: Any = None) -> Any:
    """Return the value at a dotted path, or the default if the path does not exist."""
    for name in path.split("."):
        if not isinstance(tree, dict) or name not in tree:
            return default
        tree = tree[name]
    return tree


def set_path(tree: Tree, path: str, value: Any) -> None:
    """Set the value at a dotted path."""
    *parents, last = path.split(".")
    for name in parents:
        tree = tree.setdefault(name, {})
    tree[last] = value
