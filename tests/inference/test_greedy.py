"""Tests that greedy decoding with cached keys and values equals the complete model."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from archbuilder.experiment import Experiment
from archbuilder.inference.greedy import greedy_decode
from tests.variants import NETWORK, case_id, table, with_variant

pytestmark = pytest.mark.slow

VOCABULARY = SimpleNamespace(padding_id=0, start_id=2, end_id=3, size=23)
CASES = [case for case in table(NETWORK) if case[0] != "model.pooler"]


def build_graph(case=CASES[0]):
    keras.utils.set_random_seed(3)
    return Experiment.model_validate(with_variant(*case, decoder=True)).model_graph()


def source(*lengths):
    random = np.random.default_rng(0)
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype("int32")
    ids = random.integers(5, 23, mask.shape).astype("int32") * mask
    return {"encoder_token_ids": ids, "encoder_padding_mask": mask}


def decode_uncached(graph, batch, steps):
    """Return greedily decoded ids, computed with the complete model for every token."""
    decoded = np.full((len(batch["encoder_token_ids"]), 1), VOCABULARY.start_id, dtype="int32")
    for _ in range(steps):
        target = {
            "decoder_token_ids": decoded,
            "decoder_padding_mask": np.ones_like(decoded),
        }
        logits = graph.model(batch | target, training=False)["sequence_to_sequence"]
        last = np.array(logits)[:, -1]
        last[:, [VOCABULARY.padding_id, VOCABULARY.start_id]] = -np.inf
        best = last.argmax(axis=-1).astype("int32")
        decoded = np.concatenate([decoded, best[:, None]], axis=1)
    rows = [row.tolist() for row in decoded[:, 1:]]
    return [row[: row.index(3)] if 3 in row else row for row in rows]


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_cached_equals_uncached(case):
    graph, batch = build_graph(case), source(4, 7, 2)
    cached = greedy_decode(
        graph.backbone, graph.backbone.output_projection(), batch, VOCABULARY, [9, 9, 9]
    )
    assert cached == decode_uncached(graph, batch, 9)


def test_a_row_does_not_depend_on_its_neighbors():
    graph, batch = build_graph(), source(4, 7, 2)
    project, limits = graph.backbone.output_projection(), [6, 9, 4]
    together = greedy_decode(graph.backbone, project, batch, VOCABULARY, limits)
    for row, limit in enumerate(limits):
        length = batch["encoder_padding_mask"][row].sum()
        alone = {name: array[row : row + 1, :length] for name, array in batch.items()}
        assert greedy_decode(graph.backbone, project, alone, VOCABULARY, [limit]) == [together[row]]
        assert len(together[row]) <= limit
