"""Specs of architectures that are not shipped and use features that no shipped spec uses."""

import numpy as np

from archbuilder.pretrained.hugging_face import llama
from archbuilder.pretrained.hugging_face.weight_names import WeightNames
from tests.parity.catalogue import LENGTH, VOCABULARY

LLAMA = llama.LLAMA.weight_names.names
DIM, HEADS, WIDTH, LAYERS = 32, 4, 48, 3
RMS = {"type": "rms_norm", "epsilon": 1e-5}
LAYER = {"type": "layer_norm", "epsilon": 1e-5}
GATED = {"type": "gated", "intermediate_dim": WIDTH, "activation": "silu", "use_bias": False}
ROTARY = {"type": "rotary"}
_LLAMA = {
    "hidden_size": DIM,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": 2,
    "intermediate_size": WIDTH,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": False,
    "max_position_embeddings": 4 * LENGTH,
}


def decoder(attention: dict, embeddings: dict | None = None, dim: int = DIM, **stack) -> dict:
    """Return a plain spec of a decoder. Defaults: no biases, RMS norms."""
    attention = {"type": "multi_head", "num_heads": HEADS, "biases": []} | attention
    stack = {"feed_forward": GATED, "norm": RMS, "norm_placement": "pre"} | stack
    return {
        "name": "relative",
        "model": {
            "hidden_dim": dim,
            "vocabulary_size": VOCABULARY,
            "embeddings": {"tie": "none"} | (embeddings or {}),
            "positions": {"type": "none"},
            "decoder": {"num_layers": LAYERS, "attention": attention} | stack,
        },
        "objectives": {"causal_lm": {"type": "causal_lm"}},
    }


GROUPED = {"num_key_value_heads": 2}
LLAMA3 = {
    "factor": 4.0,
    "low_frequency_factor": 1.0,
    "high_frequency_factor": 4.0,
    "original_max_sequence_length": 16,
}
EXPERTS = {
    "type": "mixture_of_experts",
    "num_experts": 4,
    "num_experts_per_token": 2,
    "expert": GATED,
}
_EXPERT = "decoder.layers.{i}.feed_forward"
MIXTRAL = LLAMA | {f"{_EXPERT}.router": "model.layers.{i}.mlp.gate"}
for number in range(4):
    roles = {"gate": "w1", "intermediate": "w3", "output": "w2"}
    MIXTRAL |= {
        f"{_EXPERT}.experts.{number}.{our}": f"model.layers.{{i}}.mlp.experts.{number}.{their}"
        for our, their in roles.items()
    }
QWEN3 = LLAMA | {
    f"decoder.layers.{{i}}.attention.{role}_norm": f"model.layers.{{i}}.self_attn.{short}_norm"
    for role, short in (("query", "q"), ("key", "k"))
}
GPTJ = {
    "embeddings.tokens": "transformer.wte",
    "decoder.final_norm": "transformer.ln_f",
    "output": "lm_head",
    "decoder.layers.{i}.attention.norm": "transformer.h.{i}.ln_1",
    "decoder.layers.{i}.feed_forward.intermediate": "transformer.h.{i}.mlp.fc_in",
    "decoder.layers.{i}.feed_forward.output": "transformer.h.{i}.mlp.fc_out",
} | {
    f"decoder.layers.{{i}}.attention.{role}": f"transformer.h.{{i}}.attn.{their}_proj"
    for role, their in zip(("query", "key", "value", "output"), ("q", "k", "v", "out"), strict=True)
}
GEMMA2 = LLAMA | {
    f"decoder.layers.{{i}}.{our}": f"model.layers.{{i}}.{their}_layernorm"
    for our, their in {
        "attention.output_norm": "post_attention",
        "feed_forward.norm": "pre_feedforward",
        "feed_forward.output_norm": "post_feedforward",
    }.items()
}
_BLOOM = {
    "attention.norm": "input_layernorm",
    "attention.query": "query",
    "attention.key": "key",
    "attention.value": "value",
    "attention.output": "self_attention.dense",
    "feed_forward.norm": "post_attention_layernorm",
    "feed_forward.intermediate": "mlp.dense_h_to_4h",
    "feed_forward.output": "mlp.dense_4h_to_h",
}
BLOOM = {
    "embeddings.tokens": "transformer.word_embeddings",
    "embeddings.norm": "transformer.word_embeddings_layernorm",
    "decoder.final_norm": "transformer.ln_f",
} | {f"decoder.layers.{{i}}.{our}": f"transformer.h.{{i}}.{their}" for our, their in _BLOOM.items()}


def split_experts(state: dict) -> dict:
    """Return the state with separate experts, which Mixtral stores in two arrays per layer."""
    for layer in range(LAYERS):
        block = f"model.layers.{layer}.mlp.experts"
        both, down = state.pop(f"{block}.gate_up_proj"), state.pop(f"{block}.down_proj")
        for number in range(len(both)):
            gate, up = np.split(both[number], 2)
            for name, array in (("w1", gate), ("w3", up), ("w2", down[number])):
                state[f"{block}.{number}.{name}.weight"] = array
    return state


def add_one_to_norms(state: dict) -> dict:
    """Return the state with norm weights plus 1, as Gemma's norms add 1 to their weights."""
    return {name: array + 1 if "norm" in name else array for name, array in state.items()}


def split_projections(state: dict) -> dict:
    """Return the state with separate projections, which BLOOM stores interleaved by head."""
    for layer in range(LAYERS):
        block = f"transformer.h.{layer}"
        for name in ("weight", "bias"):
            joined = state.pop(f"{block}.self_attention.query_key_value.{name}")
            parts = joined.reshape(6, 3, -1, *joined.shape[1:]).swapaxes(0, 1)
            for role, part in zip(("query", "key", "value"), parts, strict=True):
                state[f"{block}.{role}.{name}"] = part.reshape(-1, *joined.shape[1:])
    return state


def zero_output_bias(state: dict) -> dict:
    """Return the state with an output bias of zero, which only GPT-J has; change it in place.

    The arrays share memory with the reference model, so that its bias becomes zero as well.
    """
    state["lm_head.bias"][:] = 0
    return state


def unchanged(state: dict) -> dict:
    """Return the state."""
    return state


RELATIVES = {
    "llama3": (
        "LlamaForCausalLM",
        _LLAMA
        | {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 500.0,
                "factor": 4.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 16,
            }
        },
        decoder(
            GROUPED
            | {
                "positions": ROTARY
                | {"max_wavelength": 500.0, "scaling": {"type": "llama3"} | LLAMA3}
            }
        ),
        WeightNames(LLAMA),
        unchanged,
    ),
    "linear": (
        "LlamaForCausalLM",
        _LLAMA | {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.5}},
        decoder(GROUPED | {"positions": ROTARY | {"scaling": {"type": "linear", "factor": 2.5}}}),
        WeightNames(LLAMA),
        unchanged,
    ),
    "mistral": (
        "MistralForCausalLM",
        _LLAMA | {"sliding_window": 5, "head_dim": 6},
        decoder(GROUPED | {"positions": ROTARY, "sliding_window_size": 5, "key_dim": 6}),
        WeightNames(LLAMA),
        unchanged,
    ),
    "qwen3": (
        "Qwen3ForCausalLM",
        _LLAMA | {"head_dim": 10},
        decoder(GROUPED | {"positions": ROTARY, "key_dim": 10, "query_key_norm": RMS}),
        WeightNames(QWEN3),
        unchanged,
    ),
    "gptj": (
        "GPTJForCausalLM",
        {
            "n_embd": DIM,
            "n_layer": LAYERS,
            "n_head": HEADS,
            "n_inner": WIDTH,
            "rotary_dim": 4,
            "n_positions": LENGTH,
        },
        decoder(
            {"positions": ROTARY | {"rotary_percentage": 0.5, "layout": "interleaved"}},
            norm=LAYER,
            parallel=True,
            feed_forward={
                "type": "mlp",
                "intermediate_dim": WIDTH,
                "activation": "gelu_tanh",
            },
        ),
        WeightNames(GPTJ),
        zero_output_bias,
    ),
    "mixtral": (
        "MixtralForCausalLM",
        _LLAMA | {"num_local_experts": 4, "num_experts_per_tok": 2},
        decoder(GROUPED | {"positions": ROTARY | {"max_wavelength": 1e6}}, feed_forward=EXPERTS),
        WeightNames(MIXTRAL),
        split_experts,
    ),
    "gemma2": (
        "Gemma2ForCausalLM",
        _LLAMA
        | {
            "head_dim": 8,
            "query_pre_attn_scalar": 16,
            "sliding_window": 5,
            "attn_logit_softcapping": 2.0,
            "final_logit_softcapping": None,
            "tie_word_embeddings": True,
        },
        decoder(
            GROUPED
            | {
                "key_dim": 8,
                "positions": ROTARY,
                "scale": 0.25,
                "logit_soft_cap": 2.0,
                "sliding_window_size": 5,
            },
            {"tie": "output", "scale": True},
            norm={"type": "rms_norm", "epsilon": 1e-5},
            norm_placement="sandwich",
            feed_forward=GATED | {"activation": "gelu_tanh"},
            overrides=[{"layers": "1::2", "attention": {"sliding_window_size": None}}],
        ),
        WeightNames(GEMMA2),
        add_one_to_norms,
    ),
    "bloom": (
        "BloomForCausalLM",
        {"hidden_size": 36, "n_layer": LAYERS, "n_head": 6},
        decoder(
            {
                "num_heads": 6,
                "positions": {"type": "alibi"},
                "biases": ["query", "key", "value", "output"],
            },
            {"tie": "output", "norm": LAYER},
            36,
            norm=LAYER,
            feed_forward={"type": "mlp", "intermediate_dim": 144, "activation": "gelu_tanh"},
        ),
        WeightNames(BLOOM),
        split_projections,
    ),
}
