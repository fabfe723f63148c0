"""The next token: what is asked for, and from whom."""

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


def test_each_target_is_the_token_behind_and_padding_is_none():
    target = target_of(
        token_ids=np.array([[2, 7, 8, 3], [2, 9, 3, 0]]),
        padding_mask=np.array([[1, 1, 1, 1], [1, 1, 1, 0]]),
    )
    assert target.ids.tolist() == [[7, 8, 3, 0], [9, 3, 0, 0]]
    assert target.weights.tolist() == [[1, 1, 1, 0], [1, 1, 0, 0]]


def test_no_example_of_a_row_is_asked_for_the_next_ones_first_token():
    target = target_of(
        token_ids=np.array([[2, 7, 3, 2, 8, 3, 0]]),
        padding_mask=np.array([[1, 1, 1, 1, 1, 1, 0]]),
        packing_ids=np.array([[1, 1, 1, 2, 2, 2, 0]]),
    )
    assert target.weights.tolist() == [[1, 1, 0, 1, 1, 0, 0]]


@pytest.mark.slow
def test_a_small_decoder_learns_a_small_text_packed_and_not(tmp_path):
    for packing in (False, True):
        folder = tmp_path / str(packing)
        folder.mkdir()
        spec = small_run.gpt(folder, steps=60, evaluate_every=60, checkpoint_every=60)
        spec["training"]["batch"]["packing"] = packing
        spec["training"]["learning_rate"]["peak"] = 0.01
        found = load(small_run.write(spec, folder / "spec.yaml")).train(folder / "run")
        assert found["validation_causal_lm_loss"] < 0.7 * np.log(100)
