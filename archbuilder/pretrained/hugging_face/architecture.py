"""Description of a Hugging Face architecture: its fields, weight names and classes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from archbuilder.errors import UserError
from archbuilder.network.backbone import BackboneConfig
from archbuilder.pretrained.hugging_face.config import Config
from archbuilder.pretrained.hugging_face.fields import Row, Tree
from archbuilder.pretrained.hugging_face.resolved import writable_model
from archbuilder.pretrained.hugging_face.weight_names import WeightNames
from archbuilder.text.vocabulary import Vocabulary

Heads = Mapping[str, Mapping[str, Any]]
"""The settings of each head, by the type of the objective that it is imported as."""
Arrays = dict[str, np.ndarray]


def _keep_unchanged(fields: dict[str, Any], arrays: Arrays, vocabulary: Vocabulary) -> None:
    pass


@dataclass(frozen=True)
class HFArchitecture:
    """An architecture of the `transformers` library."""

    model_type: str
    """The name in a `config.json`."""
    spec: Tree
    """Settings that all its models share, with every supported head under `heads`."""
    fields: tuple[Row, ...]
    """The table of its `config.json` fields, in the order of writing."""
    weight_names: WeightNames
    classes: Mapping[tuple[str, ...], str]
    """Names of the model classes, by the heads that they have."""
    gated_weight_names: WeightNames | None = None
    """Weight names of a model with gated feed-forward layers. Default: `weight_names`."""
    special_ids: Mapping[str, str] = field(
        default_factory=lambda: {"pad": "padding", "bos": "start", "eos": "end"}
    )
    """Roles of special tokens, by the names of their fields without `_token_id`."""
    fit_to_vocabulary: Callable[[dict[str, Any], Arrays, Vocabulary], None] = _keep_unchanged
    """Function that adapts the fields and weights of a model in place to its vocabulary."""

    @property
    def stacks(self) -> set[str]:
        """Stacks of all its models: `encoder`, `decoder` or both."""
        return {"encoder", "decoder"} & self.spec.keys()

    def read(self, config: Config) -> tuple[Tree, Heads]:
        """Return a model and all its supported heads, as plain data.

        Args:
            config: The fields of a `config.json`.

        Raises:
            UserError: A field is missing, of another type, or cannot be expressed in a spec.
        """
        spec = _copied(self.spec)
        try:
            for row in self.fields:
                row.read(config, spec)
        except (TypeError, AttributeError, LookupError, ValueError, ArithmeticError) as error:
            raise UserError(
                f"config.json: invalid {self.model_type} configuration: a field is missing or has "
                "the wrong type"
            ) from error
        config.finish()
        return spec, spec.pop("heads")

    def write(self, model: BackboneConfig, heads: Heads) -> dict[str, Any] | None:
        """Return the fields of a `config.json`, which may describe the model only in part.

        Args:
            model: The model.
            heads: The settings of its heads.

        Returns:
            The fields, or None if the model lacks a setting that a field requires.
        """
        fields: dict[str, Any] = {"model_type": self.model_type}
        class_name = self.classes.get(tuple(heads)) or self.classes.get(tuple(sorted(heads)))
        if class_name:
            fields["architectures"] = [class_name]
        settings = writable_model(model) | {"heads": heads}
        try:
            for row in self.fields:
                row.write(settings, fields)
        except LookupError:
            return None
        return fields

    def weight_names_of(self, model: BackboneConfig) -> WeightNames:
        """Return the weight names of a model."""
        gated = model.encoder is not None and model.encoder.feed_forward.type == "gated"
        return (self.gated_weight_names if gated else None) or self.weight_names

    def special_token_fields(
        self, vocabulary: Vocabulary | None, is_encoder_decoder: bool
    ) -> dict[str, int | None]:
        """Return the fields with the ids of special tokens.

        Args:
            vocabulary: The vocabulary. None: all ids are null, so that no default applies.
            is_encoder_decoder: Whether the field of the decoder's first token is included.
        """
        roles = dict(self.special_ids)
        if vocabulary is None:
            return {f"{name}_token_id": None for name in roles}
        if is_encoder_decoder:
            roles["decoder_start"] = "start"
        return {
            f"{name}_token_id": getattr(vocabulary, f"{role}_id") for name, role in roles.items()
        }


def _copied(tree: Tree) -> Tree:
    """Return a copy in which no two keys share a dictionary."""
    return {
        key: _copied(value) if isinstance(value, dict) else value for key, value in tree.items()
    }
