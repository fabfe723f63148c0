"""Columns of records that examples need, and locations of sentences."""

import pytest

from archbuilder.text.record import DOCUMENTS, PAIRS, SourceLocation, describe_missing_columns

LABELED = {**DOCUMENTS, "label": "label"}


@pytest.mark.parametrize(
    ("needs", "provided", "message"),
    [
        (DOCUMENTS, DOCUMENTS, None),
        (DOCUMENTS, LABELED, None),
        (PAIRS, DOCUMENTS, "pairs, such as type: parallel"),
        (DOCUMENTS, PAIRS, "documents, not pairs"),
        (LABELED, PAIRS, "documents, not pairs"),
        (LABELED, DOCUMENTS, "records with 'label'; this text has only 'text'"),
        (
            {**DOCUMENTS, "tags": "tags"},
            LABELED,
            "records with 'tags'; this text has only 'text', 'label'",
        ),
    ],
)
def test_missing_columns_are_named(needs, provided, message):
    assert describe_missing_columns(needs, provided) == message


def test_location_of_a_sentence_is_its_line_or_its_number():
    by_line = SourceLocation("text", 4, line_per_sentence=True)
    assert [by_line.of_sentence(index) for index in (0, 2)] == ["text:4", "text:6"]
    row = SourceLocation("table", 4)
    assert [row.of_sentence(index) for index in (0, 2)] == ["table:4", "table:4, sentence 3"]
    assert str(by_line) == "text:4"
