"""Tokens of texts that tests make of ids."""

import numpy as np

from archbuilder.text.token_store import RaggedSentences, RaggedText, Tokens


def document_tokens(ids, offsets, documents) -> Tokens:
    """Documents of sentences: `offsets` of sentences in the ids, `documents` in the sentences."""
    return Tokens({"text": RaggedSentences(*map(np.array, (ids, offsets, documents)))})


def pair_tokens(source: RaggedText, target: RaggedText) -> Tokens:
    """Sources with their targets."""
    return Tokens({"source": source, "target": target})
