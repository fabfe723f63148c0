"""Batches of a small Transformer, for steps that are compared."""

import keras
import numpy as np

from archbuilder.text.batch import Batch, Target

RATE = 1e-2
WEIGHTS = {"sequence_to_sequence": 1.0}


def batch(rows, length, seed):
    random = np.random.default_rng(seed)
    real = random.integers(1, length + 1, rows)
    real[0] = length
    mask = (np.arange(length) < real[:, None]).astype("int32")
    source, decoder, target = (
        random.integers(5, 23, (rows, length)).astype("int32") for _ in range(3)
    )
    ids = {"encoder_token_ids": source, "decoder_token_ids": decoder}
    masks = {"encoder_padding_mask": mask, "decoder_padding_mask": mask}
    targets = {"sequence_to_sequence": Target(target, mask.astype("float32"))}
    return Batch(ids | masks, targets, {})


def joined(batches):
    """One batch of all rows, padded to the longest."""
    longest = max(one.shape()[1] for one in batches)

    def concatenated(*arrays):
        return np.concatenate(
            [np.pad(array, ((0, 0), (0, longest - array.shape[1]))) for array in arrays]
        )

    return keras.tree.map_structure(concatenated, *batches)
