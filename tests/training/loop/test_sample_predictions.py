"""Samples: the same few examples each time, what the model makes of them, and no other effect."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from archbuilder import load, open_run
from archbuilder.batches.batches import pad_rows
from archbuilder.language import SpecError
from archbuilder.text.prepare import Split
from archbuilder.training.loop.sample_predictions import LONGEST, SHORTEST, Fills, Shown, _chosen
from tests import small_run
from tests.tokens import document_tokens


class Rows(Shown):
    """Ids as they are."""

    columns = ("text",)
    longest = None

    def __init__(self):
        pass

    def texts(self, rows):
        return rows


def experiment(kind, folder, **training):
    return load(small_run.write(kind(folder, **training), folder / "spec.yaml"))


def told(capsys):
    """The texts that were shown, by evaluation, each a list of (label, text)."""
    found = [[]]
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("validation at"):
            found.append([])
        elif line.startswith("  "):
            label, _, text = line.partition(": ")
            found[-1].append((label.strip(), text))
    return found[1:]


def test_masks_are_filled_beside_the_truth(tmp_path, capsys):
    one = experiment(small_run.bert, tmp_path, show_predictions=2)
    one.train(tmp_path / "run")
    first, second = told(capsys)
    assert [label for label, _ in first] == ["masked", "filled", "truth"] * 2
    sentences = (tmp_path / "held_out.txt").read_text().replace(" .", ".").splitlines()
    for (_, masked), (_, filled), (_, truth) in (first[:3], first[3:]):
        assert truth in sentences
        assert "[MASK]" in masked
        assert "[MASK]" not in filled
    same = [text for label, text in first if label != "filled"]
    assert [text for label, text in second if label != "filled"] == same


def test_sources_are_translated_beside_the_reference_as_predict_does_it(tmp_path, capsys):
    one = experiment(small_run.transformer, tmp_path, show_predictions=3, evaluate_every=6)
    one.train(tmp_path / "run")
    (found,) = told(capsys)
    texts = [dict(found[place : place + 3]) for place in range(0, 9, 3)]
    sources = (tmp_path / "validation.source").read_text().splitlines()
    assert [text["source"] in sources for text in texts] == [True] * 3
    for text in texts:
        assert text["reference"] == " ".join(text["source"].split()[::-1]).upper()
    predictions = open_run(tmp_path / "run").predict([text["source"] for text in texts])
    assert [prediction.text for prediction in predictions] == [text["written"] for text in texts]


@pytest.mark.parametrize(
    "kind", [small_run.bert, pytest.param(small_run.transformer, marks=pytest.mark.slow)]
)
def test_looking_changes_nothing(kind, tmp_path):
    metrics = []
    for samples in (0, 2):
        one = experiment(kind, tmp_path, show_predictions=samples)
        one.train(tmp_path / f"run-{samples}")
        lines = (tmp_path / f"run-{samples}" / "metrics.jsonl").read_text().splitlines()
        metrics.append([json.loads(line) for line in lines])
    for blind, seen in zip(*metrics, strict=True):
        timed = {"tokens_per_second", "data_wait_fraction"}
        assert {k: v for k, v in blind.items() if k not in timed} == {
            k: v for k, v in seen.items() if k not in timed
        }


def test_two_are_shown_unless_told_where_there_is_something(tmp_path, capsys):
    spec = small_run.bert(tmp_path, evaluate_every=6)
    del spec["training"]["show_predictions"]
    load(small_run.write(spec, tmp_path / "spec.yaml")).train(tmp_path / "run")
    assert len(told(capsys)[0]) == 2 * 3
    del spec["objectives"]["masked_lm"]
    load(small_run.write(spec, tmp_path / "spec.yaml")).train(tmp_path / "other")
    assert told(capsys) == [[]]


def test_what_cannot_be_shown_is_refused_where_it_was_written(tmp_path):
    spec = small_run.bert(tmp_path, show_predictions=1)
    validation = spec["data"].pop("validation")
    with pytest.raises(
        SpecError, match=r"training\.show_predictions: shows examples of data\.validation"
    ):
        load(small_run.write(spec, tmp_path / "spec.yaml"))
    spec["data"]["validation"] = validation
    del spec["objectives"]["masked_lm"]
    with pytest.raises(
        SpecError, match=r"training\.show_predictions: there is nothing to show without"
    ):
        load(small_run.write(spec, tmp_path / "spec.yaml"))


def test_examples_of_a_readable_length_are_chosen_all_over_the_text():
    lengths = np.array([3, SHORTEST, 0, LONGEST, 99, 10, 10, LONGEST + 1, 7])
    assert _chosen(lengths, None, 2).tolist() == [1, 5]
    assert _chosen(lengths, None, 5).tolist() == [1, 3, 5, 6, 8]
    assert _chosen(lengths, None, 6).tolist() == [1, 3, 5, 6, 7, 8]


def test_what_is_empty_or_longer_than_the_model_takes_is_never_chosen():
    assert _chosen(np.array([0, 200, 90, 2]), 100, 4).tolist() == [2, 3]
    assert _chosen(np.array([0, 200]), 100, 2).tolist() == []


def test_every_corpus_of_a_mixture_may_give_examples():
    texts = [document_tokens(np.arange(20) + 100 * n, [0, 8, 20], [0, 2]) for n in (0, 1)]
    rows = Rows().examples(Split("", tuple((1.0, text) for text in texts)), 4)
    expected = [[*range(8)], [*range(8, 20)], [*range(100, 108)], [*range(108, 120)]]
    assert [ids for (ids,) in rows] == expected


def test_a_sentence_of_unknown_words_alone_shows_nothing(tmp_path):
    one = experiment(small_run.bert, tmp_path)
    shown = object.__new__(Fills)
    shown.objective, shown._hiding = "masked_lm", one.objectives["masked_lm"]
    shown.vocabulary = SimpleNamespace(
        start_id=2, end_id=3, padding_id=0, mask_id=4, special_ids=(0, 1, 2, 3, 4), size=9
    )
    shown.task = SimpleNamespace(fill=lambda rows: iter(pad_rows(rows, 0)[0]))
    assert shown.texts([[[1, 1, 1]]]) == []
