"""Greedy decoding: at every step the likeliest token, with keys and values cached."""

from collections.abc import Callable
from typing import Any

import numpy as np

from archbuilder.network.backbone import Backbone
from archbuilder.text.vocabulary import Vocabulary


def greedy_decode(
    backbone: Backbone,
    project: Callable[[Any], Any],
    source: dict[str, np.ndarray],
    vocabulary: Vocabulary,
    limits: list[int],
) -> list[list[int]]:
    """Return the target ids of each row of `source`.

    Padding, and another start, are never generated. No row depends on its neighbors.

    Args:
        backbone: A trained encoder and decoder.
        project: Projects the decoder's output on the vocabulary.
        source: `encoder_token_ids` and `encoder_padding_mask`, [B, S] each.
        vocabulary: The vocabulary of the target.
        limits: The most tokens of each row, which otherwise ends before the end token.
    """
    from keras import ops

    steps, end_id = max(limits), vocabulary.end_id
    never = np.zeros(vocabulary.size, dtype="float32")
    never[list({vocabulary.padding_id, vocabulary.start_id} - {end_id})] = -np.inf
    mask = source["encoder_padding_mask"]
    encoded = backbone.encode(source["encoder_token_ids"], mask)
    memory, batch_size = backbone.project_memory(encoded), len(mask)
    cache = backbone.init_cache(batch_size, steps, encoded.dtype)
    generated = np.zeros((batch_size, 0), dtype="int32")
    token_ids = np.full((batch_size, 1), vocabulary.start_id, dtype="int32")
    for index in range(steps):
        hidden, cache = backbone.decode_step(token_ids, index, cache, steps, memory, mask)
        logits = project(hidden)[..., : vocabulary.size] + never
        token_ids = ops.convert_to_numpy(ops.argmax(logits, axis=-1)).astype("int32")
        generated = np.concatenate([generated, token_ids], axis=1)
        if (generated == end_id).any(axis=1).all():
            break
    return [
        _until(row[:limit].tolist(), end_id) for row, limit in zip(generated, limits, strict=True)
    ]


def _until(ids: list[int], end_id: int) -> list[int]:
    return ids[: ids.index(end_id)] if end_id in ids else ids
