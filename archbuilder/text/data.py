"""What a model is trained on and measured on, as data."""

from typing import Annotated

from pydantic import Field

from archbuilder.language import Spec
from archbuilder.text.corpus import Corpus
from archbuilder.text.examples import Overlong


class Data(Spec):
    """What a model is trained on, and what it is measured on."""

    train: Corpus
    """Text to learn from."""
    validation: Corpus | None = None
    """Text to measure on, which is never learnt from."""
    sequence_length: Annotated[int, Field(ge=8, le=2**20)] = 128
    """The most tokens in an example, special tokens included."""
    overlong: Overlong | None = None
    """What is done with text that is longer: split it, truncate it, drop it, or refuse all. Unless
    told, long sentences are split, segments of pairs truncated, and long translations dropped."""
