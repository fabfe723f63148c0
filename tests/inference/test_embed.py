"""Tests of sentence embeddings."""

import numpy as np
import pytest

from archbuilder.experiment import load
from archbuilder.inference.embed import Embed, Embedding
from archbuilder.text.tokenizer import WordPiece
from tests import small_run


def test_an_embedding_is_the_mean_of_token_vectors_independent_of_other_lines(tmp_path):
    spec = small_run.bert(tmp_path)
    experiment = load(small_run.write(spec, tmp_path / "spec.yaml"))
    vocabulary = WordPiece(type="wordpiece").train(iter(["a list of names"]), 40)
    backbone = experiment.model_graph().backbone
    embed = Embed(backbone, vocabulary, max_length=24)
    short, long = (
        np.array(embedding.vector) for embedding in embed(["a list", "a list of names a"])
    )
    row = [vocabulary.start_id, *vocabulary.encode(["a list"])[0], vocabulary.end_id]
    ones = np.ones((1, len(row)), "int32")
    vectors = backbone.encode(np.array([row]), ones, segment_ids=0 * ones)
    mean = np.asarray(vectors)[0].mean(axis=0)
    np.testing.assert_allclose(short, mean / np.linalg.norm(mean), atol=1e-6)
    assert np.linalg.norm(long) == pytest.approx(1)


def test_json_and_text_contain_the_vector():
    embedding = Embedding((0.5, -0.12345678))
    assert embedding.to_json() == {"vector": [0.5, -0.12345678]}
    assert embedding.to_text() == embedding.to_text(show_candidates=True) == "0.5 -0.123457"
