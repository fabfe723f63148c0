"""Marian's translation models (Junczys-Dowmunt et al., 2018): BART with sinusoidal positions."""

from archbuilder.pretrained.hugging_face.architecture import HFArchitecture
from archbuilder.pretrained.hugging_face.bart import bart_fields, bart_spec, bart_weight_names
from archbuilder.pretrained.hugging_face.fields import Constant, Equal, Unused, unwritten

MARIAN = HFArchitecture(
    "marian",
    bart_spec() | {"positions": {"type": "sinusoidal", "layout": "halves"}},
    (
        *unwritten(normalize_embedding=False),
        *bart_fields(),
        Unused("max_position_embeddings", 1024),  # Sinusoidal positions have no limit.
        Constant("share_encoder_decoder_embeddings", True),
        Constant("static_position_embeddings", True),
        Equal("decoder_vocab_size", "vocab_size", written=True),
        Unused("forced_eos_token_id", None),
    ),
    bart_weight_names(computed="embed_positions.weight"),
    {("sequence_to_sequence",): "MarianMTModel"},
)
