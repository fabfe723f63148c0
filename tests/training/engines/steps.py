"""Batches of a small Transformer, for tests that compare steps."""

import keras
import numpy as np

from archbuilder.text.batch import Batch, Target

RATE = 1e-2
WEIGHTS = {"sequence_to_sequence": 1.0}


def make_batch(rows, length, seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, length + 1, rows)
    lengths[0] = length
    mask = (np.arange(length) < lengths[:, None]).astype("int32")
    source, decoder, target = (
        rng.integers(5, 23, (rows, length)).astype("int32") for _ in range(3)
    )
    ids = {"encoder_token_ids": source, "decoder_token_ids": decoder}
    masks = {"encoder_padding_mask": mask, "decoder_padding_mask": mask}
    targets = {"sequence_to_sequence": Target(target, mask.astype("float32"))}
    return Batch(ids | masks, targets, {})


def concatenate_batches(batches):
    """Return a batch of all rows, padded to the longest row."""
    max_length = max(batch.shape()[1] for batch in batches)

    def concatenate(*arrays):
        return np.concatenate(
            [np.pad(array, ((0, 0), (0, max_length - array.shape[1]))) for array in arrays]
        )

    return keras.tree.map_structure(concatenate, *batches)
