"""Causal language modeling: targets, and learning from a small text."""

import numpy as np
import pytest

from archbuilder.experiment import load
from archbuilder.objectives.causal_lm import CausalLM
from archbuilder.text.batch import Batch
from tests import small_run

OBJECTIVE = CausalLM(type="causal_lm")


def target_of(**inputs):
    batch = Batch(inputs, {}, {})
    OBJECTIVE.prepare_batch("next", batch, None, None)
    return batch.targets["next"]


def test_each_target_is_the_next_token_and_padding_is_not_a_target():
    target = target_of(
        token_ids=np.array([[2, 7, 8, 3], [2, 9, 3, 0]]),
        padding_mask=np.array([[1, 1, 1, 1], [1, 1, 1, 0]]),
    )
    assert target.ids.tolist() == [[7, 8, 3, 0], [9, 3, 0, 0]]
    assert target.weights.tolist() == [[1, 1, 1, 0], [1, 1, 0, 0]]


def test_targets_do_not_cross_the_boundary_of_packed_examples():
    target = target_of(
        token_ids=np.array([[2, 7, 3, 2, 8, 3, 0]]),
        padding_mask=np.array([[1, 1, 1, 1, 1, 1, 0]]),
        packing_ids=np.array([[1, 1, 1, 2, 2, 2, 0]]),
    )
    assert target.weights.tolist() == [[1, 1, 0, 1, 1, 0, 0]]


@pytest.mark.slow
def test_a_small_decoder_learns_a_small_text_with_and_without_packing(tmp_path):
    for packing in (False, True):
        folder = tmp_path / str(packing)
        folder.mkdir()
        spec = small_run.gpt(folder, steps=60, evaluate_every=60, checkpoint_every=60)
        spec["training"]["batch"]["packing"] = packing
        spec["training"]["learning_rate"]["peak"] = 0.01
        metrics = load(small_run.write(spec, folder / "spec.yaml")).train(folder / "run")
        assert metrics["validation_causal_lm_loss"] < 0.7 * np.log(100)
