"""Catalogue of shipped specs with small sizes and equivalent `transformers` configurations."""

from dataclasses import dataclass

VOCABULARY, LENGTH = 97, 24


@dataclass(frozen=True)
class Member:
    """A shipped spec with small sizes, and an equivalent `transformers` model and configuration."""

    spec: str
    model_type: str
    model: str
    config: dict
    sizes: tuple[str, ...]

    @property
    def options(self) -> list[str]:
        """Overrides of the sizes in the spec, in the format of `--set`."""
        return [f"model.{size}" for size in (f"vocabulary_size={VOCABULARY}", *self.sizes)]


def _stack(name: str, layers: int, heads: int, width: int) -> tuple[str, ...]:
    return (
        f"{name}.num_layers={layers}",
        f"{name}.attention.num_heads={heads}",
        f"{name}.feed_forward.intermediate_dim={width}",
    )


BERT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": LENGTH,
    "pad_token_id": 0,
}
_SMALL = ("hidden_dim=32", *_stack("encoder", 2, 4, 48))
_LEARNED = f"positions.max_sequence_length={LENGTH}"
_BOTH = (*_SMALL, *_stack("decoder", 3, 4, 56))
_T5 = {
    "d_model": 32,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 12,
}
_RANGES = tuple(
    f"{stack}.attention.positions.{size}"
    for stack in ("encoder", "decoder")
    for size in ("num_buckets=8", "max_distance=12")
)
_BART = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 56,
    "max_position_embeddings": LENGTH,
}

CATALOGUE = [
    Member("bert_base", "bert", "BertForPreTraining", BERT, (*_SMALL, _LEARNED)),
    Member(
        "roberta_base",
        "roberta",
        "RobertaForMaskedLM",
        BERT
        | {
            "max_position_embeddings": LENGTH + 2,
            "type_vocab_size": 1,
            "pad_token_id": 1,
            "layer_norm_eps": 1e-5,
        },
        (*_SMALL, _LEARNED),
    ),
    Member(
        "distilbert_base",
        "distilbert",
        "DistilBertForMaskedLM",
        {
            "dim": 32,
            "n_layers": 2,
            "n_heads": 4,
            "hidden_dim": 48,
            "max_position_embeddings": LENGTH,
        },
        (*_SMALL, _LEARNED),
    ),
    Member(
        "albert_base_v2",
        "albert",
        "AlbertForMaskedLM",
        BERT | {"embedding_size": 16, "num_hidden_layers": 3},
        (*_SMALL, _LEARNED, "encoder.num_layers=3", "embeddings.embedding_dim=16"),
    ),
    Member(
        "electra_small",
        "electra",
        "ElectraForPreTraining",
        BERT | {"embedding_size": 16},
        (*_SMALL, _LEARNED, "embeddings.embedding_dim=16"),
    ),
    Member(
        "modernbert_base",
        "modernbert",
        "ModernBertForMaskedLM",
        BERT | {"num_hidden_layers": 5, "local_attention": 6, "pad_token_id": 0},
        (*_SMALL, "encoder.num_layers=5", "encoder.attention.sliding_window_size=6"),
    ),
    Member(
        "t5_small",
        "t5",
        "T5ForConditionalGeneration",
        _T5 | {"d_kv": 8, "num_heads": 4, "d_ff": 48},
        (
            *_BOTH,
            *_RANGES,
            "decoder.feed_forward.intermediate_dim=48",
        ),
    ),
    Member(
        "t5_v1_1_small",
        "t5",
        "T5ForConditionalGeneration",
        _T5
        | {
            "d_kv": 6,
            "num_heads": 4,
            "d_ff": 48,
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
        },
        (
            *_BOTH,
            *_RANGES,
            "decoder.feed_forward.intermediate_dim=48",
            "encoder.attention.key_dim=6",
            "decoder.attention.key_dim=6",
        ),
    ),
    Member("bart_base", "bart", "BartForConditionalGeneration", _BART, (*_BOTH, _LEARNED)),
    Member(
        "marian",
        "marian",
        "MarianMTModel",
        _BART
        | {
            "activation_function": "swish",
            "scale_embedding": True,
            "static_position_embeddings": True,
            "pad_token_id": 0,
            "decoder_start_token_id": 0,
        },
        _BOTH,
    ),
    Member(
        "gpt2",
        "gpt2",
        "GPT2LMHeadModel",
        {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_inner": 48, "n_positions": LENGTH},
        ("hidden_dim=32", *_stack("decoder", 3, 4, 48), _LEARNED),
    ),
    Member(
        "llama_like",
        "llama",
        "LlamaForCausalLM",
        {
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "intermediate_size": 48,
            "rms_norm_eps": 1e-5,
            "tie_word_embeddings": False,
        },
        (
            "hidden_dim=32",
            *_stack("decoder", 3, 4, 48),
            "decoder.attention.num_key_value_heads=2",
        ),
    ),
]
