"""Greedy decoding with cached keys and values."""

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
    """Return generated target ids for each row of `source`: the most probable token at each step.

    Padding and start tokens are never generated. The result of a row does not depend on other rows.
    B is the number of rows, S the source length, D `hidden_dim`, and V the number of logits.

    Args:
        backbone: A trained encoder-decoder.
        project: Maps the decoder output of a step, float [B, 1, D], to logits, [B, 1, V].
        source: `encoder_token_ids` and `encoder_padding_mask`, int32 [B, S] each.
        vocabulary: The vocabulary of the target.
        limits: Maximum number of tokens to generate for each row, B numbers.

    Returns:
        B lists of target ids, without start and end tokens.
    """
    from keras import ops

    num_steps, end_id = max(limits), vocabulary.end_id
    logit_bias, mask = _logit_bias(vocabulary), source["encoder_padding_mask"]
    encoded = backbone.encode(source["encoder_token_ids"], mask)
    memory, batch_size = backbone.project_memory(encoded), len(mask)
    cache = backbone.init_cache(batch_size, num_steps, encoded.dtype)
    generated = np.zeros((batch_size, 0), dtype="int32")
    token_ids = np.full((batch_size, 1), vocabulary.start_id, dtype="int32")
    for step in range(num_steps):
        hidden, cache = backbone.decode_step(token_ids, step, cache, num_steps, memory, mask)
        logits = project(hidden)[..., : vocabulary.size] + logit_bias
        token_ids = ops.convert_to_numpy(ops.argmax(logits, axis=-1)).astype("int32")
        generated = np.concatenate([generated, token_ids], axis=1)
        if (generated == end_id).any(axis=1).all():
            break
    rows = zip(generated.tolist(), limits, strict=True)
    return [_before_end(row[:limit], end_id) for row, limit in rows]


def _logit_bias(vocabulary: Vocabulary) -> np.ndarray:
    """Return a logit bias, float32 [vocabulary.size]: -inf for padding and start tokens."""
    bias = np.zeros(vocabulary.size, dtype="float32")
    bias[list({vocabulary.padding_id, vocabulary.start_id} - {vocabulary.end_id})] = -np.inf
    return bias


def _before_end(ids: list[int], end_id: int) -> list[int]:
    """Return the ids before the first end token."""
    return ids[: ids.index(end_id)] if end_id in ids else ids
