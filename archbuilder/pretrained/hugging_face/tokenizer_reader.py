"""Conversion of the tokenizer in a Hugging Face folder to a vocabulary."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from archbuilder.errors import UserError
from archbuilder.pretrained.hugging_face.folder import read_json
from archbuilder.pretrained.hugging_face.tokenizer_files import (
    MARIAN_TOKENS,
    SENTENCEPIECE_MODELS,
    SETTINGS,
    SOURCE_MODEL,
    SPECIAL_TOKENS,
    TARGET_MODEL,
    TOKENIZER_JSON,
    WORD_LIST,
    special_tokens,
)
from archbuilder.text.tokenizer import WordPiece
from archbuilder.text.tokenizer.byte_level_bpe import ByteLevelVocabulary
from archbuilder.text.tokenizer.marian import PIECES, TABLE, MarianVocabulary
from archbuilder.text.tokenizer.sentencepiece import SentencePieceVocabulary
from archbuilder.text.tokenizer.sentencepiece_json import SentencePieceJsonVocabulary
from archbuilder.text.tokenizer.wordpiece import WordPieceVocabulary
from archbuilder.text.vocabulary import SPECIAL_TOKENS_FILE, Vocabulary

Files = dict[str, bytes]
VocabularyClass = Callable[[Files], Vocabulary]

_ROLES = {
    "padding": ("pad_token",),
    "unknown": ("unk_token",),
    "start": ("cls_token", "bos_token"),
    "end": ("sep_token", "eos_token"),
    "mask": ("mask_token",),
}
"""Settings with the special token of each role; the first one that is set is used."""
_FALLBACKS = {"padding": "end", "unknown": "end", "end": "start", "start": "padding"}
"""Roles whose token is used if a tokenizer has no token for a role."""


def read_tokenizer(folder: Path, fields: dict[str, Any]) -> tuple[Vocabulary, Vocabulary] | None:
    """Return the vocabularies of the source and the target in a folder.

    Args:
        folder: The folder of a model.
        fields: The fields of its `config.json`, which include the decoder's first token.

    Returns:
        The vocabularies, which may be the same, or None if the folder has no tokenizer.

    Raises:
        UserError: The tokenizer is damaged or not supported.
    """
    settings = _read_settings(folder)
    for vocabulary_class, files in _candidates(folder, settings):
        vocabulary = _with_special_tokens(vocabulary_class, files, settings, fields)
        return vocabulary, vocabulary
    if all((folder / name).is_file() for name in (SOURCE_MODEL, TARGET_MODEL, TABLE)):
        return _read_marian(folder, settings, fields)
    unsupported = (TABLE, SOURCE_MODEL, "merges.txt")
    name = next((name for name in unsupported if (folder / name).exists()), None)
    if name:
        raise UserError(f"{folder / name}: unsupported tokenizer file; save it as {TOKENIZER_JSON}")
    return None


def _read_marian(folder: Path, settings: dict, fields: dict) -> tuple[Vocabulary, Vocabulary]:
    table = (folder / TABLE).read_bytes()
    defaults = {f"{name}_token": token for name, token in MARIAN_TOKENS.values()}
    source, target = (
        _with_special_tokens(
            MarianVocabulary,
            {PIECES: (folder / name).read_bytes(), TABLE: table},
            defaults | settings,
            fields,
        )
        for name in (SOURCE_MODEL, TARGET_MODEL)
    )
    return source, target


def _read_settings(folder: Path) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for name in (SPECIAL_TOKENS, SETTINGS):
        if (folder / name).is_file():
            settings |= read_json(folder / name)
    return settings


def _candidates(folder: Path, settings: dict) -> Iterator[tuple[VocabularyClass, Files]]:
    """Yield the class and the files of each vocabulary that the folder contains."""
    if (folder / TOKENIZER_JSON).is_file():
        content = (folder / TOKENIZER_JSON).read_bytes()
        yield _class_of(folder / TOKENIZER_JSON, content), {"tokenizer.json": content}
    for name in SENTENCEPIECE_MODELS:
        if (folder / name).is_file():
            yield SentencePieceVocabulary, {"spm.model": (folder / name).read_bytes()}
    if (folder / WORD_LIST).is_file():
        if settings.get("tokenize_chinese_chars") is False:
            raise UserError(f"{folder / SETTINGS}: unsupported value tokenize_chinese_chars=False")
        spec = WordPiece(
            type="wordpiece",
            file=str(folder / WORD_LIST),
            lowercase=settings.get("do_lower_case", True),
            strip_accents=settings.get("strip_accents"),
        )
        yield WordPieceVocabulary, spec.load_file().files


def _class_of(path: Path, content: bytes) -> VocabularyClass:
    """Return the vocabulary class for a tokenizer.json. Raise UserError if it is not supported."""
    model = read_json(path).get("model")
    kind = model.get("type") if isinstance(model, dict) else None
    is_byte_level = b'"ByteLevel"' in content
    classes: dict[object, VocabularyClass] = {
        "WordPiece": WordPieceVocabulary,
        "Unigram": SentencePieceJsonVocabulary,
        "BPE": ByteLevelVocabulary if is_byte_level else SentencePieceJsonVocabulary,
    }
    if not isinstance(kind, str) or kind not in classes:
        supported = ", ".join(map(str, classes))
        raise UserError(f"{path}: unsupported tokenizer model {kind!r}; supported are {supported}")
    return classes[kind]


def _with_special_tokens(
    vocabulary_class: VocabularyClass, files: Files, settings: dict, fields: dict
) -> Vocabulary:
    """Return the vocabulary with the special tokens in its settings and in `config.json`."""
    vocabulary = _with_settings(vocabulary_class, files, settings)
    start = fields.get("decoder_start_token_id") if fields.get("is_encoder_decoder") else None
    if start is None or start == vocabulary.start_id:
        return vocabulary
    if not isinstance(start, int) or not 0 <= start < vocabulary.size:
        raise UserError(
            f"config.json: decoder_start_token_id: {start!r} must be an id below the vocabulary "
            f"size {vocabulary.size}"
        )
    roles = special_tokens(vocabulary) | {"start": vocabulary.id_to_token(start)}
    return _create(vocabulary_class, files | _roles_file(roles))


def _with_settings(vocabulary_class: VocabularyClass, files: Files, settings: dict) -> Vocabulary:
    named = {
        role: next((_text(settings[name]) for name in names if settings.get(name)), None)
        for role, names in _ROLES.items()
    }
    try:
        vocabulary = _create(vocabulary_class, files)
    except UserError:  # The special tokens have unusual names.
        roles = _with_fallbacks(named)
        if not roles["end"]:
            raise
        return _create(vocabulary_class, files | _roles_file(roles))
    defaults = special_tokens(vocabulary)
    roles = defaults | {role: token for role, token in named.items() if token}
    return (
        vocabulary if roles == defaults else _create(vocabulary_class, files | _roles_file(roles))
    )


def _create(vocabulary_class: VocabularyClass, files: Files) -> Vocabulary:
    try:
        return vocabulary_class(files)
    except UserError:
        raise
    except Exception as error:  # The libraries raise plain exceptions.
        raise UserError(f"the tokenizer cannot be read: {error}") from error


def _roles_file(roles: dict[str, str | None]) -> Files:
    return {SPECIAL_TOKENS_FILE: json.dumps(roles).encode()}


def _with_fallbacks(named: dict[str, str | None]) -> dict[str, str | None]:
    """Return the special tokens, with a fallback for each missing one except the mask."""
    roles = dict(named)
    for role, other in (*_FALLBACKS.items(), *_FALLBACKS.items()):
        roles[role] = roles[role] or roles[other]
    return roles


def _text(token: Any) -> str:
    return token["content"] if isinstance(token, dict) else str(token)
