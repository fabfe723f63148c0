"""Names of the files of a tokenizer, and of its special tokens in them."""

from archbuilder.text.vocabulary import Vocabulary

TOKENIZER_JSON, WORD_LIST = "tokenizer.json", "vocab.txt"
SENTENCEPIECE_MODELS = (
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "spm.model",
)
SOURCE_MODEL, TARGET_MODEL = "source.spm", "target.spm"
"""SentencePiece models of Marian's source and target, which share a table of ids."""
SETTINGS, SPECIAL_TOKENS = "tokenizer_config.json", "special_tokens_map.json"

MARIAN_TOKENS = {
    "padding": ("pad", "<pad>"),
    "unknown": ("unk", "<unk>"),
    "end": ("eos", "</s>"),
}
"""By role, the name in the settings of Marian's tokenizers, and the default. A decoder starts with
padding."""


def special_tokens(vocabulary: Vocabulary) -> dict[str, str | None]:
    """Return the token of each role."""
    roles = ("padding", "unknown", "start", "end", "mask")
    ids = {role: getattr(vocabulary, f"{role}_id") for role in roles}
    return {role: None if id_ is None else vocabulary.id_to_token(id_) for role, id_ in ids.items()}
