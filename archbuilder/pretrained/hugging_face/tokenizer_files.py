"""Names of tokenizer files in a Hugging Face folder, and of special tokens in their settings."""

from archbuilder.text.vocabulary import Vocabulary

TOKENIZER_JSON, WORD_LIST = "tokenizer.json", "vocab.txt"
SENTENCEPIECE_MODELS = (
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "spm.model",
)
SOURCE_MODEL, TARGET_MODEL = "source.spm", "target.spm"
"""Marian's SentencePiece models of the source and the target, which share a table of ids."""
SETTINGS, SPECIAL_TOKENS = "tokenizer_config.json", "special_tokens_map.json"

MARIAN_TOKENS = {
    "padding": ("pad", "<pad>"),
    "unknown": ("unk", "<unk>"),
    "end": ("eos", "</s>"),
}
"""Special tokens of Marian's tokenizers: (name in tokenizer_config.json, default token) by role.

There is no start token, since Marian's decoders start with the padding token.
"""


def special_tokens(vocabulary: Vocabulary) -> dict[str, str | None]:
    """Return the special tokens of a vocabulary by role; None for a missing token."""
    roles = ("padding", "unknown", "start", "end", "mask")
    ids = {role: getattr(vocabulary, f"{role}_id") for role in roles}
    return {role: None if id_ is None else vocabulary.id_to_token(id_) for role, id_ in ids.items()}
