"""Tasks: a line out for a line in, as it is made, and a sentence for a line that cannot be done."""

import itertools

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.experiment import load
from archbuilder.inference import task
from archbuilder.inference.task import Embed, FillMask, Translate
from archbuilder.text.tokenizer import WordPiece
from archbuilder.text.tokenizer.characters import CharacterVocabulary
from tests import small_run

LETTERS = CharacterVocabulary({"characters.json": b'{"lowercase": false, "characters": "abc "}'})


def translate(limit=None):
    """A translator that gives each line back, and says how many rows it was given at a time."""
    doing = object.__new__(Translate)
    doing.source, doing.target, doing.longest, doing.batches = LETTERS, LETTERS, limit, []

    def write(rows):
        doing.batches.append(len(rows))
        return [row[:-1] for row in rows]

    doing._write = write
    return doing


def test_lines_come_back_in_order_with_the_empty_ones(monkeypatch):
    monkeypatch.setattr(task, "ROWS", 2)
    monkeypatch.setattr(task, "WINDOW", 4)
    lines = ["cc", "", "a", "abc", "   ", "b", "ab", "", "c"]
    doing = translate()
    assert [found["text"] for found in doing(lines)] == [line.strip() for line in lines]
    assert doing.batches == [2, 1, 2, 1]


def test_lines_are_given_before_all_are_done(monkeypatch):
    monkeypatch.setattr(task, "ROWS", 2)
    monkeypatch.setattr(task, "WINDOW", 4)
    doing = translate()
    assert len(list(itertools.islice(doing(["a"] * 100), 4))) == 4
    assert doing.batches == [2, 2]


def test_a_line_without_a_mask_is_told_before_any_is_filled():
    doing = object.__new__(FillMask)
    doing.vocabulary, doing.longest = LETTERS, None
    with pytest.raises(UserError) as caught:
        next(doing(["a<mask>"] * task.ROWS + [""]))
    assert str(caught.value) == f"line {task.ROWS + 1} has no <mask> to fill: ''"


def test_a_line_that_is_too_long_is_told_before_any_is_done():
    doing = translate(limit=4)
    assert next(doing(["abc"])) == {"text": "abc"}
    with pytest.raises(UserError) as caught:
        next(doing(["a", "abca"]))
    assert str(caught.value) == "line 2 has 5 tokens; the model takes at most 4"


@pytest.mark.parametrize("positions", ["sinusoidal", "none", "learned"])
def test_a_model_takes_what_its_positions_or_its_training_reach(positions, tmp_path):
    spec = small_run.bert(tmp_path)
    spec["model"]["positions"] = {"type": positions}
    if positions == "learned":
        spec["model"]["positions"]["max_sequence_length"] = 32
    experiment = load(small_run.write(spec, tmp_path / "spec.yaml"))
    assert task.longest(experiment) == (32 if positions == "learned" else 24)
    bare = experiment.model_copy(update={"data": None})
    assert task.longest(bare) == (32 if positions == "learned" else None)


def test_an_embedding_is_the_mean_of_a_line_s_vectors_whatever_stands_beside_it(tmp_path):
    spec = small_run.bert(tmp_path)
    experiment = load(small_run.write(spec, tmp_path / "spec.yaml"))
    vocabulary = WordPiece(type="wordpiece").train(iter(["a list of names"]), 40)
    network = experiment.network()
    embed = Embed(experiment, network, (vocabulary, vocabulary), "")
    short, long = (np.array(found["vector"]) for found in embed(["a list", "a list of names a"]))
    row = [vocabulary.start_id, *vocabulary.encode(["a list"])[0], vocabulary.end_id]
    ones = np.ones((1, len(row)), "int32")
    vectors = network.parts.encode(np.array([row]), ones, segment_ids=0 * ones)
    mean = np.asarray(vectors)[0].mean(axis=0)
    np.testing.assert_allclose(short, mean / np.linalg.norm(mean), atol=1e-6)
    assert np.linalg.norm(long) == pytest.approx(1)
