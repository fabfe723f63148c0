"""Reported progress: a live line on a terminal, and plain lines without a terminal."""

import io
import re

import pytest
from rich.console import Console

from archbuilder.tracking.sample import Sample
from archbuilder.training.loop.reporter import MAX_CHARACTERS, Reporter

RECORD = {
    "step": 3,
    "loss": 2.5,
    "masked_lm_loss": 1.75,
    "masked_lm_accuracy": 0.25,
    "next_sentence_loss": 0.75,
    "next_sentence_accuracy": 0.5,
    "learning_rate": 0.001,
    "gradient_norm": 1.5,
    "tokens_per_second": 12345.6,
}
PRINTED = {"masked_lm": ["accuracy"], "next_sentence": ["accuracy"]}
LINE = (
    "step 3/9  loss 2.500  masked_lm 1.750 accuracy 0.250  next_sentence 0.750 accuracy 0.500  "
    "rate 1.00e-03  norm 1.50  12,346 tokens/s  1:05 left"
)


def screen_after_step(terminal, width=200, encoding="utf-8"):
    """Return the text on the screen during the third step of nine."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(
        file=file, force_terminal=terminal, width=width, highlight=False, soft_wrap=True
    )
    reporter = Reporter(console)
    advance = reporter.start("training", 9, lines=False)
    advance(3)
    reporter.live(RECORD, 9, PRINTED, 65)
    reporter.step(RECORD, 9, PRINTED, 65)
    reporter._bar.refresh()
    file.flush()
    screen = file.buffer.getvalue().decode(encoding)
    reporter.finish()
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen).replace("\r", "")


def test_step_is_a_line_without_terminal():
    assert screen_after_step(terminal=False) == LINE + "\n"


def test_terminal_shows_step_below_bar_and_remaining_time_once():
    last = screen_after_step(terminal=True).rpartition("training ")[2].splitlines()
    assert last[0].rstrip().endswith(" 33%")
    assert last[1].rstrip() == LINE
    assert len(last) == 2


@pytest.mark.parametrize("width", [40, 80])
def test_narrow_terminal_shows_whole_line(width):
    _, *lines = (
        screen_after_step(terminal=True, width=width).rpartition("training ")[2].splitlines()
    )
    assert " ".join(" ".join(lines).split()) == " ".join(LINE.split())
    assert max(map(len, lines)) <= width


def test_line_is_removed_with_the_bar():
    reporter = Reporter(Console(file=io.StringIO(), force_terminal=True))
    reporter.start("training", 9, lines=False)
    reporter.live(RECORD, 9, PRINTED, 65)
    reporter.finish()
    assert len(list(reporter._bar.get_renderables())) == 1


def print_sample(texts, encoding="utf-8"):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Reporter(Console(file=file, width=40, soft_wrap=True)).samples(
        [Sample("sequence_to_sequence", texts)]
    )
    file.flush()
    return file.buffer.getvalue().decode(encoding).splitlines()


def test_sample_is_printed_as_indented_truncated_lines():
    first, second = print_sample({"source": "a\nb\x1b[1m", "written": "c" * 500})
    assert first == "   source: a b [1m"
    assert second == "  written: " + "c" * (MAX_CHARACTERS - 3) + "..."


def test_characters_that_terminal_does_not_support_are_escaped():
    assert print_sample({"source": "für 你"}, "latin-1") == [r"  source: für \u4f60"]
