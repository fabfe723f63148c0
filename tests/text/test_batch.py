"""Batches: token counts, shapes, and nested structure in JAX and TensorFlow."""

import jax
import numpy as np
import tensorflow as tf

from archbuilder.text.batch import PADDING_MASKS, TOKEN_SEQUENCES, Batch, Target


def mask(*lengths, width):
    return (np.arange(width) < np.array(lengths)[:, None]).astype("int32")


def encoder_decoder():
    source, target = mask(2, 4, width=4), mask(5, 1, width=6)
    inputs = {"encoder_padding_mask": source, "decoder_padding_mask": target}
    targets = {"seq2seq": Target(np.zeros_like(target), target.astype("float32"))}
    return Batch(inputs, targets, {"decoder_targets": target})


def test_num_tokens_counts_all_sequences_without_padding():
    assert Batch({"padding_mask": mask(3, 1, width=4)}, {}, {}).num_tokens() == 4
    assert encoder_decoder().num_tokens() == 2 + 4 + 5 + 1


def test_shape_is_that_of_the_longest_sequence():
    assert Batch({"padding_mask": mask(3, 1, width=4)}, {}, {}).shape() == (2, 4)
    assert encoder_decoder().shape() == (2, 6)


def test_encoder_sequence_comes_first():
    batch = encoder_decoder()
    inputs = dict(reversed(batch.inputs.items()))
    for sequences in (batch.sequences(), batch._replace(inputs=inputs).sequences()):
        assert sequences == [TOKEN_SEQUENCES["encoder_"], TOKEN_SEQUENCES["decoder_"]]


def test_names_of_padding_masks():
    assert {"padding_mask", "encoder_padding_mask", "decoder_padding_mask"} == PADDING_MASKS


def test_map_arrays_maps_every_array():
    batch = encoder_decoder().map_arrays(lambda array: array.shape)
    assert batch == Batch(
        {"encoder_padding_mask": (2, 4), "decoder_padding_mask": (2, 6)},
        {"seq2seq": Target((2, 6), (2, 6))},
        {"decoder_targets": (2, 6)},
    )


def test_batch_is_a_pytree_and_a_nested_structure():
    batch = encoder_decoder()
    for map_structure in (jax.tree.map, lambda f, tree: tf.nest.map_structure(f, tree)):
        doubled = map_structure(lambda array: 2 * array, batch)
        assert isinstance(doubled, Batch)
        assert isinstance(doubled.targets["seq2seq"], Target)
        assert doubled.num_tokens() == 2 * batch.num_tokens()
