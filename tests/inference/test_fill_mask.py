"""Tests of predictions for masks, and of their text and JSON."""

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.inference.fill_mask import FilledText, FillMask, TokenProbability
from tests.inference.letters import LETTERS

FILLED = FilledText(
    "a b c",
    (
        (TokenProbability("b", 0.75), TokenProbability("a", 0.25)),
        (TokenProbability("c", 1.0), TokenProbability("a", 0.0)),
    ),
)


class PredictsLetters:
    """A model that predicts "c" with probability 1/2, and "a" and "b" with 1/4 each."""

    inputs = ()

    def __call__(self, inputs, training):
        logits = np.full((2, 2, LETTERS.size), -np.inf)
        for letter, probability in (("c", 0.5), ("a", 0.25), ("b", 0.25)):
            logits[..., LETTERS.encode([letter])[0][0]] = np.log(probability)
        return {"masked": logits}


def test_candidates_of_each_mask_are_sorted_by_probability():
    fill_mask = FillMask(PredictsLetters(), LETTERS, "masked", "positions", None, top_k=2)
    first, second = fill_mask(["a<mask>", "<mask>b<mask>"])
    best = (TokenProbability("c", 0.5), TokenProbability("a", 0.25))
    assert first == FilledText("ac", (best,))
    assert second == FilledText("cbc", (best, best))


def test_a_line_without_a_mask_is_reported_before_any_prediction():
    fill_mask = FillMask(PredictsLetters(), LETTERS, "masked", "positions", None, batch_size=2)
    with pytest.raises(UserError) as caught:
        next(fill_mask(["a<mask>"] * 2 + [""]))
    assert str(caught.value) == "line 3 has no <mask> to fill: ''"


def test_json_has_the_text_and_a_list_of_candidates_for_each_mask():
    assert FILLED.to_json() == {
        "text": "a b c",
        "predictions": [
            [{"token": "b", "probability": 0.75}, {"token": "a", "probability": 0.25}],
            [{"token": "c", "probability": 1.0}, {"token": "a", "probability": 0.0}],
        ],
    }


def test_text_has_a_line_of_candidates_for_each_mask_on_request():
    assert FILLED.to_text() == "a b c"
    assert FILLED.to_text(show_candidates=True) == "a b c\n    b 0.75  a 0.25\n    c 1.00  a 0.00"
