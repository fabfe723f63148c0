"""Rows of the table between a `config.json` and a spec, each read in both directions."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from archbuilder.pretrained.hugging_face.config import ACTIVATIONS, Config

Tree = dict[str, Any]
"""A model as plain data. On reading, its key `heads` holds the settings of each head."""

_REQUIRED = object()
_MISSING = object()


class Row(ABC):
    """One or more fields of a `config.json` and what they are in a spec."""

    @abstractmethod
    def read(self, config: Config, spec: Tree) -> None:
        """Set in `spec` what the fields express. Raise UserError for unsupported values."""

    @abstractmethod
    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        """Add the fields. Raise LookupError if the model lacks a setting that they need."""


class Conversion(NamedTuple):
    """Both directions of a field whose values differ between a `config.json` and a spec."""

    read: Callable[[Config, str, Any], Any] = Config.get
    """Return the spec's value of the field with this name and this default."""
    write: Callable[[Any], Any] = lambda value: value
    """Return the field's value."""


SAME = Conversion()
ACTIVATION = Conversion(
    Config.activation,
    lambda name: next((theirs for theirs, ours in ACTIVATIONS.items() if ours == name), None),
)
BIASES = Conversion(
    lambda config, name, default: (
        ["query", "key", "value", "output"] if config.get(name, default) else []
    ),
    bool,
)
"""Whether all projections of attention have a bias."""


@dataclass(frozen=True)
class Field(Row):
    """A field and the settings that it determines."""

    name: str
    """The name in a `config.json`."""
    paths: str | tuple[str, ...]
    """The settings in a spec. All are set on reading; the first is used on writing."""
    default: Any = None
    """The value if the field is missing, or a function that derives it from other fields."""
    conversion: Conversion = SAME
    absent: Any = _REQUIRED
    """What is written if the model lacks the setting. Default: the model cannot be written."""

    def read(self, config: Config, spec: Tree) -> None:
        default = self.default(config) if callable(self.default) else self.default
        value = self.conversion.read(config, self.name, default)
        for path in (self.paths,) if isinstance(self.paths, str) else self.paths:
            set_path(spec, path, value)

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
    """A field that supports a single value."""

    name: str
    value: Any
    written: bool = True

    def read(self, config: Config, spec: Tree) -> None:
        config.require(**{self.name: self.value})

    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        if self.written:
            fields[self.name] = self.value


@dataclass(frozen=True)
class Equal(Row):
    """A field that repeats another one, which comes before it in the table."""

    name: str
    other: str
    written: bool = False

    def read(self, config: Config, spec: Tree) -> None:
        config.require(**{self.name: config.get(self.other)})

    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        if self.written:
            fields[self.name] = fields[self.other]


@dataclass(frozen=True)
class Unused(Row):
    """A field with no effect on the network, and what is written to it, if anything."""

    name: str
    value: Any = _MISSING

    def read(self, config: Config, spec: Tree) -> None:
        config.get(self.name)

    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        if self.value is not _MISSING:
            fields[self.name] = self.value


@dataclass(frozen=True)
class Derived(Row):
    """A setting that no field is written for."""

    path: str
    derive: Callable[[Config, Tree], Any]
    """Return the setting, given the fields and all settings of the rows before this one."""

    def read(self, config: Config, spec: Tree) -> None:
        set_path(spec, self.path, self.derive(config, spec))

    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        pass


@dataclass(frozen=True)
class TiedOutput(Row):
    """Whether a decoder's output projection is its token table.

    The files of a model without its head have neither a tied nor an own output projection.
    """

    default: bool

    def read(self, config: Config, spec: Tree) -> None:
        tied = config.get("tie_word_embeddings", self.default)
        set_path(spec, "embeddings.tie", "output" if tied else "none")
        if not tied and not config.has_weights("output"):
            del spec["heads"]["causal_lm"]

    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        fields["tie_word_embeddings"] = model["embeddings"]["tie"] in ("output", "all")


def unwritten(**values: Any) -> tuple[Row, ...]:
    """Return rows of fields that support a single value, which is their default."""
    return tuple(Constant(name, value, written=False) for name, value in values.items())


def stack(feed_forward: str, norm: Tree, attention: Tree | None = None, **settings: Any) -> Tree:
    """Return what the stacks of an architecture have in common.

    Args:
        feed_forward: The type of its feed-forward layers.
        norm: Its norms.
        attention: What its attention layers have in common besides their type.
        **settings: Its other settings.
    """
    return {
        "attention": {"type": "multi_head"} | (attention or {}),
        "feed_forward": {"type": feed_forward},
        "norm": norm,
    } | settings


def both_stacks(path: str) -> tuple[str, str]:
    """Return the paths of a setting that an encoder and its decoder share."""
    return f"encoder.{path}", f"decoder.{path}"


def get_path(tree: Any, path: str, default: Any = None) -> Any:
    """Return the value at a path of names, or the default where there is none."""
    for name in path.split("."):
        if not isinstance(tree, dict) or name not in tree:
            return default
        tree = tree[name]
    return tree


def set_path(tree: Tree, path: str, value: Any) -> None:
    """Set the value at a path of names."""
    *parents, last = path.split(".")
    for name in parents:
        tree = tree.setdefault(name, {})
    tree[last] = value
