"""Tests of reading lines and of printing predictions as text or JSON."""

import pytest

from archbuilder.errors import UserError
from archbuilder.inference.fill_mask import FilledText, TokenProbability
from archbuilder.inference.text_io import format_prediction, read_lines, split_lines

CASES = {
    "": [],
    "\n": [""],
    "a": ["a"],
    "a\nb\n": ["a", "b"],
    "a\r\nb\r\n": ["a", "b"],
    "a\n\nb": ["a", "", "b"],
    "a\x0cb\x0bc\x1cd\u2028e\u2029f\x85g\rh\n": ["a\x0cb\x0bc\x1cd\u2028e\u2029f\x85g\rh"],
}


@pytest.mark.parametrize(("text", "lines"), CASES.items())
def test_only_a_newline_ends_a_line(text, lines):
    assert split_lines(text) == lines


def test_a_file_is_utf_8_with_or_without_a_byte_order_mark(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes("\ufeffé\n".encode())
    assert read_lines(path) == ["é"]
    path.write_bytes(b"a\xff")
    with pytest.raises(UserError, match="byte 1 is not valid UTF-8"):
        read_lines(path)
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_lines(tmp_path)


def test_a_closed_standard_input_is_reported(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UserError, match="standard input is closed; use --input"):
        read_lines(None)


def test_a_prediction_is_printed_as_text_or_json():
    filled = FilledText("é", ((TokenProbability("é", 1.0),),))
    assert format_prediction(filled, show_candidates=False, as_json=False) == "é"
    assert format_prediction(filled, show_candidates=True, as_json=False) == "é\n    é 1.00"
    expected = '{"text": "é", "predictions": [[{"token": "é", "probability": 1.0}]]}'
    assert format_prediction(filled, show_candidates=True, as_json=True) == expected
