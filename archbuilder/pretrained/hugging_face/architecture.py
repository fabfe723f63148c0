"""What is known of a Hugging Face architecture: its fields, weights and classes."""

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


def _unchanged(fields: dict[str, Any], arrays: Arrays, vocabulary: Vocabulary) -> None:
    pass


@dataclass(frozen=True)
class HFArchitecture:
    """An architecture of the `transformers` library."""

    model_type: str
    """The name in a `config.json`."""
    spec: Tree
    """What all its models have in common, with every head that they may have under `heads`."""
    fields: tuple[Row, ...]
    """The table of its fields, in the order in which they are written."""
    weight_names: WeightNames
    classes: Mapping[tuple[str, ...], str]
    """By the heads of a model, the class that has them."""
    gated_weight_names: WeightNames | None = None
    """The names in a model with gated feed-forward layers, where they differ."""
    special_ids: Mapping[str, str] = field(
        default_factory=lambda: {"pad": "padding", "bos": "start", "eos": "end"}
    )
    """By the names of the fields for special tokens, without `_token_id`, their roles."""
    fit_to_vocabulary: Callable[[dict[str, Any], Arrays, Vocabulary], None] = _unchanged
    """Adapt the fields and weights of a model in place to the vocabulary it is written with."""

    @property
    def stacks(self) -> set[str]:
        """The stacks that all its models have."""
        return {"encoder", "decoder"} & self.spec.keys()

    def read(self, config: Config) -> tuple[Tree, Heads]:
        """Return a model and all heads that it may have, as plain data.

        Raises:
            UserError: A field is missing, of another type, or cannot be expressed in a spec.
        """
        spec = _copied(self.spec)
        try:
            for row in self.fields:
                row.read(config, spec)
        except (TypeError, AttributeError, LookupError, ValueError, ArithmeticError) as error:
            raise UserError(
                f"config.json: is not that of a whole {self.model_type}: a field is missing or of "
                "another type"
            ) from error
        config.finish()
        return spec, spec.pop("heads")

    def write(self, model: BackboneConfig, heads: Heads) -> dict[str, Any] | None:
        """Return the fields of a `config.json`, which may not express all of the model.

        Return None if the model lacks settings that the fields need.
        """
        fields: dict[str, Any] = {"model_type": self.model_type}
        own_class = self.classes.get(tuple(heads)) or self.classes.get(tuple(sorted(heads)))
        if own_class:
            fields["architectures"] = [own_class]
        settings = writable_model(model) | {"heads": heads}
        try:
            for row in self.fields:
                row.write(settings, fields)
        except LookupError:
            return None
        return fields

    def weight_names_of(self, model: BackboneConfig) -> WeightNames:
        """Return the names of a model's weights."""
        gated = model.encoder is not None and model.encoder.feed_forward.type == "gated"
        return (self.gated_weight_names if gated else None) or self.weight_names

    def special_token_fields(
        self, vocabulary: Vocabulary | None, is_encoder_decoder: bool
    ) -> dict[str, int | None]:
        """Return the ids of special tokens; without a vocabulary, none instead of the defaults."""
        roles = dict(self.special_ids)
        if vocabulary is None:
            return {f"{name}_token_id": None for name in roles}
        if is_encoder_decoder:
            roles["decoder_start"] = "start"
        return {
            f"{name}_token_id": getattr(vocabulary, f"{role}_id") for name, role in roles.items()
        }


def _copied(tree: Tree) -> Tree:
    """Return a copy that shares no part with the original, nor with itself."""
    return {
        key: _copied(value) if isinstance(value, dict) else value for key, value in tree.items()
    }
