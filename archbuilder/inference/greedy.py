"""Greedy decoding: at every step the likeliest token, with keys and values kept."""

import numpy as np


def greedy(network, project, source: dict, vocabulary, limits: list[int]) -> list[list[int]]:
    """The target ids for each row of `source` (encoder_token_ids and encoder_padding_mask, [B, S]).

    `network` is the trained `Backbone` and `project` maps its decoder's vectors to logits. A row
    ends before the end token, or at its own limit, so that no row depends on its neighbours.
    Padding, and another start, are never written.
    """
    from keras import ops

    steps, end_id = max(limits), vocabulary.end_id
    unwritten = np.zeros(vocabulary.size, dtype="float32")
    unwritten[list({vocabulary.padding_id, vocabulary.start_id} - {end_id})] = -np.inf
    mask = source["encoder_padding_mask"]
    memory = network.encode(source["encoder_token_ids"], mask)
    memories = network.decoder.project_memory(memory)
    rows = len(mask)
    caches = network.decoder.init_cache(rows, steps, memory.dtype)
    written = np.zeros((rows, 0), dtype="int32")
    token_ids = np.full((rows, 1), vocabulary.start_id, dtype="int32")
    for index in range(steps):
        hidden, caches = network.decode_step(token_ids, index, caches, memories, mask)
        logits = project(hidden)[..., : vocabulary.size] + unwritten
        token_ids = ops.convert_to_numpy(ops.argmax(logits, axis=-1)).astype("int32")
        written = np.concatenate([written, token_ids], axis=1)
        if (written == end_id).any(axis=1).all():
            break
    return [
        _until(row[:limit].tolist(), end_id) for row, limit in zip(written, limits, strict=True)
    ]


def _until(ids: list[int], end_id: int) -> list[int]:
    return ids[: ids.index(end_id)] if end_id in ids else ids
