"""Batches of a small Transformer, for steps that are compared."""

import numpy as np

RATE = 1e-2
WEIGHTS = {"sequence_to_sequence": 1.0}


def batch(rows, length, seed):
    random = np.random.default_rng(seed)
    real = random.integers(1, length + 1, rows)
    real[0] = length
    mask = (np.arange(length) < real[:, None]).astype("int32")
    ids = {
        name: random.integers(5, 23, (rows, length)).astype("int32")
        for name in ("encoder_token_ids", "decoder_token_ids", "sequence_to_sequence_targets")
    }
    weights = mask.astype("float32")
    masks = {"encoder_padding_mask": mask, "decoder_padding_mask": mask}
    return ids | masks | {"sequence_to_sequence_weights": weights}


def joined(batches):
    """One batch of all rows, padded to the longest."""
    longest = max(one["encoder_token_ids"].shape[1] for one in batches)
    return {
        name: np.concatenate(
            [np.pad(one[name], ((0, 0), (0, longest - one[name].shape[1]))) for one in batches]
        )
        for name in batches[0]
    }
