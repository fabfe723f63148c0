"""A spec out of a `config.json`, whatever its architecture."""

from typing import Any

from archbuilder.exchange.hugging_face.config import Config
from archbuilder.exchange.hugging_face.decoders import gpt2, llama
from archbuilder.exchange.hugging_face.encoder_decoders import bart, marian, t5
from archbuilder.exchange.hugging_face.encoders import albert, bert, distilbert, modernbert, roberta
from archbuilder.mistake import UserMistake

READERS = {
    reader.__name__: reader
    for reader in (
        *(bert, roberta, distilbert, albert, modernbert),
        *(t5, bart, marian),
        *(gpt2, llama),
    )
}
"""By `model_type`, what makes a plain model and plain objectives of a configuration."""


def spec_of(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """The plain spec, called `name`, of the architecture that the fields describe.

    Raises `UserMistake` for an architecture, or a field, that the language has no words for.
    """
    kind = fields.get("model_type")
    if kind not in READERS:
        known = ", ".join(READERS)
        raise UserMistake(f"config.json: model_type {kind!r} is not known; there are {known}")
    config = Config(fields)
    model, objectives = READERS[kind](config)
    config.finish()
    return {"name": name, "model": model, "objectives": objectives}
