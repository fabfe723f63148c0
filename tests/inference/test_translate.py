"""Tests of translation: one result for each line, in order, a window of batches at a time."""

import itertools

import pytest

from archbuilder.errors import UserError
from archbuilder.inference import translate
from archbuilder.inference.translate import Translate, Translation
from tests.inference.letters import LETTERS


class Copy(Translate):
    """Translation that returns each line unchanged and records the batch sizes."""

    def __init__(self, max_length=None):
        super().__init__(None, LETTERS, LETTERS, max_length, batch_size=2)
        self.batches = []

    def _generate(self, rows):
        self.batches.append(len(rows))
        return [row[:-1] for row in rows]


@pytest.fixture(autouse=True)
def _windows_of_four_lines(monkeypatch):
    monkeypatch.setattr(translate, "BATCHES_PER_WINDOW", 2)


def test_translations_have_the_order_of_the_lines_and_include_empty_lines():
    lines = ["cc", "", "a", "abc", "   ", "b", "ab", "", "c"]
    copy = Copy()
    assert [translation.text for translation in copy(lines)] == [line.strip() for line in lines]
    assert copy.batches == [2, 1, 2, 1]


def test_translations_are_returned_window_by_window():
    copy = Copy()
    assert len(list(itertools.islice(copy(["a"] * 100), 4))) == 4
    assert copy.batches == [2, 2]


def test_a_line_that_is_too_long_is_reported_before_any_translation():
    copy = Copy(max_length=4)
    assert next(copy(["abc"])) == Translation("abc")
    with pytest.raises(UserError) as caught:
        next(copy(["a", "abca"]))
    assert str(caught.value) == "line 2 has 5 tokens; the model supports at most 4"


def test_json_and_text_contain_the_translation():
    translation = Translation("a b")
    assert translation.to_json() == {"text": "a b"}
    assert translation.to_text() == translation.to_text(show_candidates=True) == "a b"
