"""The `data` section of a spec: training and validation text."""

from typing import Annotated

from pydantic import Field

from archbuilder.language import Spec
from archbuilder.text.corpus import Corpus
from archbuilder.text.examples import Overlong


class Data(Spec):
    """Training text, validation text, and the length of examples."""

    train: Corpus
    """Training text."""
    validation: Corpus | None = None
    """Text for evaluation during training, which the model is not trained on. Default: no
    evaluation."""
    sequence_length: Annotated[int, Field(ge=8, le=2**20)] = 128
    """Maximum number of tokens in an example, special tokens included."""
    overlong: Overlong | None = None
    """Treatment of text that is longer than `sequence_length`: `split`, `truncate` or `drop` it, or
    `refuse` to use the data. Default: split long sentences, truncate segment pairs, and drop long
    translations."""
