"""ELECTRA (Clark et al., 2020): BERT with a head for replaced token detection."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from typing_extensions import override

from archbuilder.pretrained.hugging_face.architecture import HFArchitecture
from archbuilder.pretrained.hugging_face.bert import bert_fields, bert_names, bert_spec
from archbuilder.pretrained.hugging_face.config import Config
from archbuilder.pretrained.hugging_face.fields import Derived, Row, Tree, get_path
from archbuilder.pretrained.hugging_face.weight_names import WeightNames


@dataclass(frozen=True)
class _EmbeddingSize(Row):
    """The width of the token table. It is projected if it differs from the width of the stack."""

    @override
    def read(self, config: Config, spec: Tree) -> None:
        size = config.get("embedding_size", 128)
        spec["embeddings"]["embedding_dim"] = None if size == spec["hidden_dim"] else size

    @override
    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        fields["embedding_size"] = model["embeddings"]["embedding_dim"] or model["hidden_dim"]


def _generator_size(config: Config, spec: Tree) -> float:
    """Return the smallest of 1/4, 1/3, 1/2 and 1 that gives integer sizes of the generator."""
    encoder = spec["encoder"]
    sizes = (
        spec["hidden_dim"],
        encoder["attention"]["num_heads"],
        encoder["feed_forward"]["intermediate_dim"],
    )
    fractions = (Fraction(1, divisor) for divisor in (4, 3, 2, 1))
    fitting = (
        fraction
        for fraction in fractions
        if all((size * fraction).denominator == 1 for size in sizes)
    )
    return round(float(next(fitting)), 6)


_DETECTION = "heads.replaced_token_detection"
_ACTIVATION = "encoder.feed_forward.activation"

ELECTRA = HFArchitecture(
    "electra",
    bert_spec("replaced_token_detection", pooler=None),
    (
        *bert_fields(),
        _EmbeddingSize(),
        Derived(f"{_DETECTION}.activation", lambda config, spec: get_path(spec, _ACTIVATION)),
        Derived(f"{_DETECTION}.generator_size", _generator_size),
        Derived("heads.masked_lm.activation", lambda config, spec: "gelu"),
    ),
    WeightNames(
        {
            **bert_names("electra"),
            "embeddings.projection": "electra.embeddings_project",
            "masked_lm.transform": "generator_predictions.dense",
            "masked_lm.norm": "generator_predictions.LayerNorm",
            "masked_lm.bias": "generator_lm_head",
            "replaced_token_detection.transform": "discriminator_predictions.dense",
            "replaced_token_detection.logits": "discriminator_predictions.dense_prediction",
        },
        "electra",
    ),
    {
        (): "ElectraModel",
        ("masked_lm",): "ElectraForMaskedLM",
        ("replaced_token_detection",): "ElectraForPreTraining",
    },
)
