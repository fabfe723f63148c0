"""Tests of uniform line sampling."""

from archbuilder.text.tokenizer import line_sampling
from archbuilder.text.tokenizer.line_sampling import sample_lines


def lines(count):
    return (f"{number:09}" for number in range(count))


def test_a_short_text_is_returned_whole():
    assert sample_lines(lines(50), 450) == list(lines(50))


def test_the_sample_has_nearly_the_maximum_size_and_keeps_the_order():
    sample = sample_lines(lines(10_000), 9_005)
    assert len(sample) == 1000
    assert sample == sorted(sample)


def test_sampling_is_deterministic():
    assert sample_lines(lines(10_000), 900) == sample_lines(lines(10_000), 900)


def test_lines_are_sampled_uniformly_from_the_text():
    sample = [int(line) for line in sample_lines(lines(100_000), 90_000)]
    tenths = [sum(number // 10_000 == tenth for number in sample) for tenth in range(10)]
    assert all(900 < count < 1100 for count in tenths)
    assert 4_800 < sum(number % 2 for number in sample) < 5_200


def test_a_long_line_is_split_between_words(monkeypatch):
    monkeypatch.setattr(line_sampling, "MAX_PART_CHARACTERS", 10)
    assert sample_lines(["one two three four"], 100) == ["one two", "three four"]
    assert sample_lines(["x" * 25], 100) == ["x" * 10, "x" * 10, "x" * 5]
    assert len("".join(sample_lines(["word " * 1000], 100))) <= 100


def test_the_sample_is_never_empty():
    assert sample_lines(["abc", "def"], 1) in (["a"], ["d"])
