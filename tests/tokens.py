"""Token objects that tests build from ids."""

import numpy as np

from archbuilder.text.token_store import RaggedSentences, RaggedText, Tokens


def document_tokens(ids, offsets, documents) -> Tokens:
    """Return documents, with the bounds of sentences in `ids` and of documents in sentences."""
    return Tokens({"text": RaggedSentences(*map(np.array, (ids, offsets, documents)))})


def pair_tokens(source: RaggedText, target: RaggedText) -> Tokens:
    """Return pairs of source and target texts."""
    return Tokens({"source": source, "target": target})
