"""Conversion of vocabularies to the tokenizer files of a Hugging Face model folder."""

import json
from typing import Any

from archbuilder.errors import UserError
from archbuilder.network.backbone import BackboneConfig
from archbuilder.pretrained.hugging_face.sentencepiece_json import to_tokenizer_json
from archbuilder.pretrained.hugging_face.tokenizer_files import (
    MARIAN_TOKENS,
    SETTINGS,
    SOURCE_MODEL,
    TARGET_MODEL,
    TOKENIZER_JSON,
    special_tokens,
)
from archbuilder.text.tokenizer.marian import PIECES, TABLE, MarianVocabulary
from archbuilder.text.vocabulary import Vocabulary


def tokenizer_files(
    vocabularies: tuple[Vocabulary, Vocabulary], model: BackboneConfig
) -> dict[str, bytes]:
    """Return the tokenizer files of a Hugging Face model folder.

    Args:
        vocabularies: The vocabularies of the source and the target; the target's is used only by
            Marian, whose source and target have separate SentencePiece models.
        model: The architecture of the model that uses them.

    Returns:
        The content of each file, by file name.

    Raises:
        UserError: Hugging Face has no equivalent of the tokenizer.
    """
    vocabulary, target = vocabularies
    if isinstance(vocabulary, MarianVocabulary):
        return _marian_files(vocabulary, target)
    content = _tokenizer_json(vocabulary)
    if model.encoder is not None:
        content["post_processor"] = _post_processor(vocabulary, model)
    settings = _tokenizer_config(vocabulary, model)
    return {TOKENIZER_JSON: _json(content), SETTINGS: _json(settings)}


def _marian_files(source: MarianVocabulary, target: Vocabulary) -> dict[str, bytes]:
    tokens = special_tokens(source)
    settings = {f"{name}_token": tokens[role] for role, (name, _) in MARIAN_TOKENS.items()}
    return {
        SOURCE_MODEL: source.files[PIECES],
        TARGET_MODEL: target.files[PIECES],
        TABLE: source.files[TABLE],
        SETTINGS: _json({"tokenizer_class": "MarianTokenizer", **settings}),
    }


def _tokenizer_json(vocabulary: Vocabulary) -> dict[str, Any]:
    if TOKENIZER_JSON in vocabulary.files:
        return json.loads(vocabulary.files[TOKENIZER_JSON])
    if "spm.model" in vocabulary.files:
        return to_tokenizer_json(vocabulary)
    raise UserError(f"Hugging Face has no equivalent of the tokenizer {vocabulary.kind!r}")


def _tokenizer_config(vocabulary: Vocabulary, model: BackboneConfig) -> dict[str, Any]:
    settings_names = {"padding": "pad", "unknown": "unk", "mask": "mask"}
    if model.decoder is None:
        settings_names |= {"start": "cls", "end": "sep"}
    else:
        settings_names |= {"start": "bos", "end": "eos"}
    tokens = special_tokens(vocabulary)
    inputs = ["input_ids", "attention_mask"]
    if (model.embeddings.num_segments or 1) > 1:
        inputs.insert(1, "token_type_ids")
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_input_names": inputs,
        **{f"{name}_token": tokens[role] for role, name in settings_names.items() if tokens[role]},
    }
    if model.max_sequence_length:
        settings["model_max_length"] = model.max_sequence_length
    return settings


def _post_processor(vocabulary: Vocabulary, model: BackboneConfig) -> dict[str, Any]:
    """Return the field `post_processor` of tokenizer.json, which adds special tokens to a text.

    An encoder reads [start, text, end] or [start, text A, end, text B, end]; an encoder-decoder
    model has no start token in its source.
    """
    ids = {vocabulary.id_to_token(id_): id_ for id_ in (vocabulary.start_id, vocabulary.end_id)}
    start, end = (vocabulary.id_to_token(id_) for id_ in (vocabulary.start_id, vocabulary.end_id))
    prefix = [] if model.decoder is not None else [_special(start)]
    single = [*prefix, _sequence("A"), _special(end)]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, _sequence("B", 1), _special(end, 1)],
        "special_tokens": {
            token: {"id": token, "ids": [id_], "tokens": [token]} for token, id_ in ids.items()
        },
    }


def _special(token: str, segment: int = 0) -> dict[str, Any]:
    return {"SpecialToken": {"id": token, "type_id": segment}}


def _sequence(name: str, segment: int = 0) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": segment}}


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()
