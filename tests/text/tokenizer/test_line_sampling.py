"""Lines drawn evenly, in one pass."""

from archbuilder.text.tokenizer import line_sampling as sample
from archbuilder.text.tokenizer.line_sampling import sampled


def lines(count):
    return (f"{number:09}" for number in range(count))


def test_all_lines_stay_where_they_fit():
    assert sampled(lines(50), 450) == list(lines(50))


def test_no_more_than_asked_for_and_nearly_as_much():
    drawn = sampled(lines(10_000), 9_005)
    assert len(drawn) == 1000
    assert drawn == sorted(drawn)


def test_the_same_lines_are_drawn_each_time():
    assert sampled(lines(10_000), 900) == sampled(lines(10_000), 900)


def test_every_part_of_the_text_is_drawn_from_alike():
    drawn = [int(line) for line in sampled(lines(100_000), 90_000)]
    tenths = [sum(number // 10_000 == tenth for number in drawn) for tenth in range(10)]
    assert all(900 < count < 1100 for count in tenths)
    assert 4_800 < sum(number % 2 for number in drawn) < 5_200


def test_a_text_of_one_line_is_drawn_in_parts_between_words(monkeypatch):
    monkeypatch.setattr(sample, "LONG", 10)
    assert sampled(["one two three four"], 100) == ["one two", "three four"]
    assert sampled(["x" * 25], 100) == ["x" * 10, "x" * 10, "x" * 5]
    assert len("".join(sampled(["word " * 1000], 100))) <= 100


def test_something_is_always_drawn():
    assert sampled(["abc", "def"], 1) in (["a"], ["d"])
