"""Input of lines of text and output of predictions."""

import json
import sys
from pathlib import Path

from archbuilder.errors import UserError
from archbuilder.inference.task import Prediction


def read_lines(path: Path | None) -> list[str]:
    """Return the lines of a UTF-8 file or of standard input. Only LF and CRLF end a line.

    Args:
        path: The file. None: standard input.

    Raises:
        UserError: The input cannot be read or is not UTF-8.
    """
    name = "standard input" if path is None else path
    try:
        return split_lines(_content(path).decode("utf-8-sig"))
    except OSError as error:
        raise UserError(f"{name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: byte {error.start} is not valid UTF-8") from error


def split_lines(text: str) -> list[str]:
    """Return the lines of a text. Only LF and CRLF end a line."""
    lines = text.split("\n")
    if not lines[-1]:  # The last newline ends a line and does not start another.
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def format_prediction(prediction: Prediction, show_candidates: bool, as_json: bool) -> str:
    """Return a prediction as text or as one JSON object, to be printed.

    Args:
        prediction: The prediction.
        show_candidates: Whether the text includes the most probable candidates. JSON always does.
        as_json: Whether to return JSON.
    """
    if as_json:
        return json.dumps(prediction.to_json(), ensure_ascii=False)
    return prediction.to_text(show_candidates)


def _content(path: Path | None) -> bytes:
    if path is not None:
        return path.read_bytes()
    if sys.stdin is None:  # Python sets it to None if the descriptor is closed.
        raise UserError("standard input is closed; use --input")
    return sys.stdin.buffer.read()
