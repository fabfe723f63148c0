"""The tokenizer of a folder: read as one of our vocabularies, and written from one."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from archbuilder.errors import UserError
from archbuilder.exchange.hugging_face.folder import read_json
from archbuilder.exchange.hugging_face.pieces import converted
from archbuilder.text.tokenizer import KINDS, WordPiece
from archbuilder.text.tokenizer.marian import PIECES as SPM
from archbuilder.text.tokenizer.marian import TABLE, MarianVocabulary
from archbuilder.text.vocabulary import ROLES_FILE, Vocabulary

WHOLE, WORDS = "tokenizer.json", "vocab.txt"
PIECES = ("spiece.model", "sentencepiece.bpe.model", "tokenizer.model", "spm.model")
SOURCE, TARGET = "source.spm", "target.spm"
"""Pieces of what is read and of what is written, with ids of one table."""
SETTINGS, MAP = "tokenizer_config.json", "special_tokens_map.json"
_ROLES = {
    "padding": ("pad_token",),
    "unknown": ("unk_token",),
    "start": ("cls_token", "bos_token"),
    "end": ("sep_token", "eos_token"),
    "mask": ("mask_token",),
}
"""What a token of each role is called there, the first that is given."""
_INSTEAD = {"padding": "end", "unknown": "end", "end": "start", "start": "padding"}
"""Whose token is taken where a tokenizer has none for a role."""
_MARIAN_TOKENS = {
    "padding": ("pad", "<pad>"),
    "unknown": ("unk", "<unk>"),
    "end": ("eos", "</s>"),
}
"""By role, what a tokenizer of Marian's models calls it, and the token unless told; a decoder
begins with padding."""


def read_tokenizer(folder: Path, fields: dict[str, Any]) -> tuple[Vocabulary, Vocabulary] | None:
    """What reads and what writes the folder's text, or None where there are no files of either.

    `fields` are those of config.json, which says what a decoder begins with. Raises `UserError`
    for a tokenizer that archbuilder has none like.
    """
    settings = _settings(folder)
    for kind, files in _readings(folder, settings):
        found = _with_roles(kind, files, settings, fields)
        return found, found
    if all((folder / name).is_file() for name in (SOURCE, TARGET, TABLE)):
        return _of_two_languages(folder, settings, fields)
    known = (TABLE, SOURCE, "merges.txt")
    found = next((name for name in known if (folder / name).exists()), None)
    if found:
        raise UserError(f"{folder / found}: is of no tokenizer that can be read; {WHOLE} would")
    return None


def _of_two_languages(folder: Path, settings: dict, fields: dict) -> tuple[Vocabulary, Vocabulary]:
    table = (folder / TABLE).read_bytes()
    usual = {f"{their}_token": token for their, token in _MARIAN_TOKENS.values()}
    source, target = (
        _with_roles(
            MarianVocabulary.kind,
            {SPM: (folder / name).read_bytes(), TABLE: table},
            usual | settings,
            fields,
        )
        for name in (SOURCE, TARGET)
    )
    return source, target


def _settings(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in (MAP, SETTINGS):
        if (folder / name).is_file():
            found |= read_json(folder / name)
    return found


def _readings(folder: Path, settings: dict) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The kind and the files of each vocabulary that may be made of the folder's."""
    if (folder / WHOLE).is_file():
        model = read_json(folder / WHOLE).get("model")
        kind = model.get("type") if isinstance(model, dict) else None
        content = (folder / WHOLE).read_bytes()
        kinds = {"WordPiece": "wordpiece", "Unigram": "sentencepiece_json"}
        by_bytes = b'"ByteLevel"' in content
        kinds["BPE"] = "byte_level_bpe" if by_bytes else kinds["Unigram"]
        if not isinstance(kind, str) or kind not in kinds:
            raise UserError(f"{folder / WHOLE}: a tokenizer of type {kind!r} cannot be read")
        yield kinds[kind], {"tokenizer.json": content}
    for name in PIECES:
        if (folder / name).is_file():
            yield "sentencepiece", {"spm.model": (folder / name).read_bytes()}
    if (folder / WORDS).is_file():
        if settings.get("tokenize_chinese_chars") is False:
            raise UserError(f"{folder / SETTINGS}: tokenize_chinese_chars cannot be false")
        spec = WordPiece(
            type="wordpiece",
            file=str(folder / WORDS),
            lowercase=settings.get("do_lower_case", True),
            strip_accents=settings.get("strip_accents"),
        )
        yield "wordpiece", spec.load_file().files


def _with_roles(kind: str, files: dict[str, bytes], settings: dict, fields: dict) -> Vocabulary:
    make = partial(_made, kind)
    told = {
        role: next((_text(settings[one]) for one in names if settings.get(one)), None)
        for role, names in _ROLES.items()
    }
    try:
        found = make(files)
        usual = roles_of(found)  # What settings do not say goes by its usual name.
        roles = usual | {role: token for role, token in told.items() if token}
    except UserError as mistake:
        usual, roles = None, _for_all(told)
        if not roles["end"]:
            raise mistake
    if roles != usual:
        found = make(files | {ROLES_FILE: json.dumps(roles).encode()})
    begin = fields.get("decoder_start_token_id") if fields.get("is_encoder_decoder") else None
    if begin is None or begin == found.start_id:
        return found
    if not isinstance(begin, int) or not 0 <= begin < found.size:
        raise UserError(f"config.json: decoder_start_token_id: {begin!r} is no token's id")
    roles = roles_of(found) | {"start": found.token(begin)}
    return make(files | {ROLES_FILE: json.dumps(roles).encode()})


def _made(kind: str, files: dict[str, bytes]) -> Vocabulary:
    try:
        return KINDS[kind](files)
    except UserError:
        raise
    except Exception as error:  # The libraries raise plain exceptions.
        raise UserError(f"the tokenizer cannot be read ({error})") from error


def _for_all(told: dict[str, str | None]) -> dict[str, str | None]:
    """A token for each role, where there is one at all; there may be no mask."""
    roles = dict(told)
    for role, other in (*_INSTEAD.items(), *_INSTEAD.items()):
        roles[role] = roles[role] or roles[other]
    return roles


def _text(token: Any) -> str:
    return token["content"] if isinstance(token, dict) else str(token)


def roles_of(vocabulary: Vocabulary) -> dict[str, str | None]:
    """The token of each role."""
    ids = {role: getattr(vocabulary, f"{role}_id") for role in _ROLES}
    return {role: None if one is None else vocabulary.token(one) for role, one in ids.items()}


def tokenizer_files(vocabularies: tuple[Vocabulary, Vocabulary], experiment) -> dict[str, bytes]:
    """The files of a folder's tokenizer; `vocabularies` are what reads and what writes its text.

    Raises `UserError` where there can be none.
    """
    vocabulary, target = vocabularies
    roles = roles_of(vocabulary)
    if isinstance(vocabulary, MarianVocabulary):
        settings = {f"{their}_token": roles[our] for our, (their, _) in _MARIAN_TOKENS.items()}
        return {
            SOURCE: vocabulary.files[SPM],
            TARGET: target.files[SPM],
            TABLE: vocabulary.files[TABLE],
            SETTINGS: _json({"tokenizer_class": "MarianTokenizer", **settings}),
        }
    content = _whole(vocabulary)
    content["post_processor"] = _around(vocabulary, experiment.model) or content["post_processor"]
    names = {"padding": "pad", "unknown": "unk", "mask": "mask"}
    if experiment.model.decoder is None:
        names |= {"start": "cls", "end": "sep"}
    else:
        names |= {"start": "bos", "end": "eos"}
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        **{f"{their}_token": roles[role] for role, their in names.items() if roles[role]},
    }
    if (experiment.model.embeddings.num_segments or 1) > 1:
        settings["model_input_names"].insert(1, "token_type_ids")
    if experiment.model.max_sequence_length:
        settings["model_max_length"] = experiment.model.max_sequence_length
    return {WHOLE: _json(content), SETTINGS: _json(settings)}


def _whole(vocabulary: Vocabulary) -> dict[str, Any]:
    """What a tokenizer.json holds."""
    if WHOLE in vocabulary.files:
        return json.loads(vocabulary.files[WHOLE])
    if "spm.model" in vocabulary.files:
        return converted(vocabulary)
    name = type(vocabulary).__name__.removesuffix("Vocabulary")
    raise UserError(f"Hugging Face has no tokenizer like {name}")


def _around(vocabulary: Vocabulary, model) -> dict[str, Any] | None:
    """What is put around a text's tokens, as a tokenizer.json says it."""
    start, end = (vocabulary.token(one) for one in (vocabulary.start_id, vocabulary.end_id))
    if model.encoder is None:
        return None

    def special(token, segment=0):
        return {"SpecialToken": {"id": token, "type_id": segment}}

    def text(name, segment=0):
        return {"Sequence": {"id": name, "type_id": segment}}

    begin = [] if model.decoder is not None else [special(start)]
    one = [*begin, text("A"), special(end)]
    tokens = {start: vocabulary.start_id, end: vocabulary.end_id}
    return {
        "type": "TemplateProcessing",
        "single": one,
        "pair": [*one, text("B", 1), special(end, 1)],
        "special_tokens": {
            name: {"id": name, "ids": [number], "tokens": [name]} for name, number in tokens.items()
        },
    }


def _json(content: dict) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()
