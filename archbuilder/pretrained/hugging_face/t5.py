"""T5 and T5 1.1 (Raffel et al., 2020)."""

from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from archbuilder.pretrained.hugging_face.architecture import HFArchitecture
from archbuilder.pretrained.hugging_face.config import ACTIVATIONS, Config, unsupported_field
from archbuilder.pretrained.hugging_face.fields import (
    ACTIVATION,
    Equal,
    Field,
    Row,
    Tree,
    Unused,
    both_stacks,
    stack,
    unwritten,
)
from archbuilder.pretrained.hugging_face.weight_names import WeightNames, add_prefixes, projections


@dataclass(frozen=True)
class _FeedForward(Row):
    """The activation function, with the prefix `gated-` for gated layers."""

    @override
    def read(self, config: Config, spec: Tree) -> None:
        value = config.get("feed_forward_proj", "relu")
        gated, _, activation = value.rpartition("-")
        if gated not in ("", "gated") or activation not in ACTIVATIONS:
            raise unsupported_field("feed_forward_proj", value)
        if value == "gated-gelu":
            activation = "gelu_new"
        config.require(dense_act_fn=activation, is_gated_act=bool(gated))
        for stack_name in ("encoder", "decoder"):
            spec[stack_name]["feed_forward"] |= {
                "type": "gated" if gated else "mlp",
                "activation": ACTIVATIONS[activation],
                "use_bias": False,
            }

    @override
    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        feed_forward = model["encoder"]["feed_forward"]
        activation = ACTIVATION.write(feed_forward["activation"])
        if feed_forward["type"] == "gated":
            activation = "gated-" + ("gelu" if activation == "gelu_new" else str(activation))
        fields["feed_forward_proj"] = activation


@dataclass(frozen=True)
class _OutputTable(Row):
    """The fields for tying and scaling the output projection.

    Newer versions of `transformers` write `scale_decoder_outputs` instead of
    `tie_word_embeddings`.
    """

    @override
    def read(self, config: Config, spec: Tree) -> None:
        tied = config.get("tie_word_embeddings", config.get("scale_decoder_outputs", True))
        scaled = config.get("scale_decoder_outputs", tied)
        if scaled and not tied:
            raise unsupported_field("scale_decoder_outputs", scaled)
        spec["embeddings"] |= {"tie": "all" if tied else "input", "scale_output": scaled}

    @override
    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        embeddings = model["embeddings"]
        fields["tie_word_embeddings"] = embeddings["tie"] in ("output", "all")
        fields["scale_decoder_outputs"] = embeddings["scale_output"]


_DROPOUTS = (
    *both_stacks("dropout"),
    *both_stacks("final_dropout"),
    *both_stacks("attention.dropout"),
    *both_stacks("feed_forward.dropout"),
    "embeddings.dropout",
)


_STACK = stack(
    "mlp",
    {"type": "rms_norm"},
    {"scale": 1.0, "biases": [], "positions": {"type": "t5"}},
    norm_placement="pre",
)


def _weight_names(feed_forward: dict[str, str]) -> WeightNames:
    """Return the weight names.

    Args:
        feed_forward: The names of the projections before the activation function.
    """
    names = {
        "embeddings.tokens": "shared",
        **_stack_names("encoder", 1, feed_forward),
        **_stack_names("decoder", 2, feed_forward),
        "output": "lm_head",
    }
    return WeightNames(names, body_prefixes=("encoder.", "decoder.", "shared."))


def _stack_names(stack_name: str, sublayer: int, feed_forward: dict[str, str]) -> dict[str, str]:
    dense = f"layer.{sublayer}.DenseReluDense"
    layer = {
        **projections("attention", "q k v o", "layer.0.SelfAttention.*"),
        "attention.norm": "layer.0.layer_norm",
        "attention.positions": "layer.0.SelfAttention.relative_attention_bias",
        **add_prefixes("feed_forward", dense, feed_forward),
        "feed_forward.output": f"{dense}.wo",
        "feed_forward.norm": f"layer.{sublayer}.layer_norm",
    }
    if stack_name == "decoder":
        layer |= projections("cross_attention", "q k v o", "layer.1.EncDecAttention.*")
        layer["cross_attention.norm"] = "layer.1.layer_norm"
    names = add_prefixes(f"{stack_name}.layers.{{i}}", f"{stack_name}.block.{{i}}", layer)
    return {**names, f"{stack_name}.final_norm": f"{stack_name}.final_layer_norm"}


_BUCKETS = both_stacks("attention.positions.num_buckets")
_DISTANCES = both_stacks("attention.positions.max_distance")

T5 = HFArchitecture(
    "t5",
    {
        "embeddings": {},
        "positions": {"type": "none"},
        "encoder": _STACK,
        "decoder": _STACK,
        "initializer": {"type": "t5"},
        "heads": {"sequence_to_sequence": {}},
    },
    (
        *unwritten(is_decoder=False, initializer_factor=1.0),
        Equal("num_hidden_layers", "num_layers"),
        Unused("is_encoder_decoder", True),
        Field("vocab_size", "vocabulary_size"),
        Field("d_model", "hidden_dim"),
        Field("d_kv", both_stacks("attention.key_dim"), 64),
        Field("d_ff", both_stacks("feed_forward.intermediate_dim")),
        Field("num_layers", "encoder.num_layers"),
        Field("num_decoder_layers", "decoder.num_layers", lambda config: config.get("num_layers")),
        Field("num_heads", both_stacks("attention.num_heads")),
        Field("relative_attention_num_buckets", _BUCKETS, 32, absent=None),
        Field("relative_attention_max_distance", _DISTANCES, 128, absent=None),
        _FeedForward(),
        Field("dropout_rate", _DROPOUTS, 0.1),
        Field("layer_norm_epsilon", both_stacks("norm.epsilon"), 1e-6),
        _OutputTable(),
    ),
    _weight_names({"intermediate": "wi"}),
    {("sequence_to_sequence",): "T5ForConditionalGeneration"},
    gated_weight_names=_weight_names({"gate": "wi_0", "intermediate": "wi_1"}),
)
