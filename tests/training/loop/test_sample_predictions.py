"""Sample predictions: the same examples at each evaluation, without effect on training."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from archbuilder import load, open_run
from archbuilder.batches.batches import pad_rows
from archbuilder.language import SpecError
from archbuilder.text.prepare import Split
from archbuilder.training.loop.sample_predictions import (
    MAX_TOKENS,
    MIN_TOKENS,
    MaskedLMSampler,
    ObjectiveSampler,
    _select,
)
from tests import small_run
from tests.tokens import document_tokens


class IdSampler(ObjectiveSampler):
    """Returns token ids unchanged."""

    columns = ("text",)
    max_length = None

    def __init__(self):
        pass

    def texts(self, rows):
        return rows


def make_experiment(kind, folder, **training):
    return load(small_run.write(kind(folder, **training), folder / "spec.yaml"))


def printed_samples(capsys):
    """Return the printed (label, text) pairs of each evaluation."""
    evaluations = [[]]
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("validation at"):
            evaluations.append([])
        elif line.startswith("  "):
            label, _, text = line.partition(": ")
            evaluations[-1].append((label.strip(), text))
    return evaluations[1:]


def test_filled_masks_are_shown_next_to_original(tmp_path, capsys):
    make_experiment(small_run.bert, tmp_path, show_predictions=2).train(tmp_path / "run")
    first, second = printed_samples(capsys)
    assert [label for label, _ in first] == ["masked", "filled", "truth"] * 2
    sentences = (tmp_path / "held_out.txt").read_text().replace(" .", ".").splitlines()
    for (_, masked), (_, filled), (_, truth) in (first[:3], first[3:]):
        assert truth in sentences
        assert "[MASK]" in masked
        assert "[MASK]" not in filled
    inputs = [text for label, text in first if label != "filled"]
    assert [text for label, text in second if label != "filled"] == inputs


def test_translations_equal_predict_and_are_shown_next_to_reference(tmp_path, capsys):
    training = {"show_predictions": 3, "evaluate_every": 6}
    make_experiment(small_run.transformer, tmp_path, **training).train(tmp_path / "run")
    (pairs,) = printed_samples(capsys)
    texts = [dict(pairs[start : start + 3]) for start in range(0, 9, 3)]
    sources = (tmp_path / "validation.source").read_text().splitlines()
    assert [text["source"] in sources for text in texts] == [True] * 3
    for text in texts:
        assert text["reference"] == " ".join(text["source"].split()[::-1]).upper()
    predictions = open_run(tmp_path / "run").predict([text["source"] for text in texts])
    assert [prediction.text for prediction in predictions] == [text["prediction"] for text in texts]


@pytest.mark.parametrize(
    "kind", [small_run.bert, pytest.param(small_run.transformer, marks=pytest.mark.slow)]
)
def test_sample_predictions_do_not_change_training(kind, tmp_path):
    metrics = []
    for count in (0, 2):
        run = tmp_path / f"run-{count}"
        make_experiment(kind, tmp_path, show_predictions=count).train(run)
        lines = (run / "metrics.jsonl").read_text().splitlines()
        metrics.append([json.loads(line) for line in lines])
    for records in metrics:
        for record in records:
            record.pop("tokens_per_second", None)
            record.pop("data_wait_fraction", None)
    assert metrics[0] == metrics[1]


def test_default_is_two_samples_if_an_objective_has_predictions(tmp_path, capsys):
    spec = small_run.bert(tmp_path, evaluate_every=6)
    del spec["training"]["show_predictions"]
    load(small_run.write(spec, tmp_path / "spec.yaml")).train(tmp_path / "run")
    assert len(printed_samples(capsys)[0]) == 2 * 3
    del spec["objectives"]["masked_lm"]
    load(small_run.write(spec, tmp_path / "spec.yaml")).train(tmp_path / "other")
    assert printed_samples(capsys) == [[]]


def test_show_predictions_without_examples_or_predictions_is_rejected(tmp_path):
    spec = small_run.bert(tmp_path, show_predictions=1)
    validation = spec["data"].pop("validation")
    with pytest.raises(
        SpecError, match=r"training\.show_predictions: shows examples of data\.validation"
    ):
        load(small_run.write(spec, tmp_path / "spec.yaml"))
    spec["data"]["validation"] = validation
    del spec["objectives"]["masked_lm"]
    with pytest.raises(SpecError, match=r"training\.show_predictions: needs an objective of type"):
        load(small_run.write(spec, tmp_path / "spec.yaml"))


def test_examples_of_preferred_length_are_selected_evenly():
    lengths = np.array([3, MIN_TOKENS, 0, MAX_TOKENS, 99, 10, 10, MAX_TOKENS + 1, 7])
    assert _select(lengths, None, 2).tolist() == [1, 5]
    assert _select(lengths, None, 5).tolist() == [1, 3, 5, 6, 8]
    assert _select(lengths, None, 6).tolist() == [1, 3, 5, 6, 7, 8]


def test_empty_and_too_long_examples_are_not_selected():
    assert _select(np.array([0, 200, 90, 2]), 100, 4).tolist() == [2, 3]
    assert _select(np.array([0, 200]), 100, 2).tolist() == []


def test_examples_come_from_all_corpora_of_a_mixture():
    texts = [document_tokens(np.arange(20) + 100 * n, [0, 8, 20], [0, 2]) for n in (0, 1)]
    rows = IdSampler().examples(Split("", tuple((1.0, text) for text in texts)), 4)
    expected = [[*range(8)], [*range(8, 20)], [*range(100, 108)], [*range(108, 120)]]
    assert [ids for (ids,) in rows] == expected


def test_sentence_of_unknown_words_has_no_sample(tmp_path):
    objective = make_experiment(small_run.bert, tmp_path).objectives["masked_lm"]
    sampler = object.__new__(MaskedLMSampler)
    sampler.objective, sampler._masking = "masked_lm", objective
    sampler.vocabulary = SimpleNamespace(
        start_id=2, end_id=3, padding_id=0, mask_id=4, special_ids=(0, 1, 2, 3, 4), size=9
    )
    sampler.task = SimpleNamespace(fill=lambda rows: iter(pad_rows(rows, 0)[0]))
    assert sampler.texts([[[1, 1, 1]]]) == []
