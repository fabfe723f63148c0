"""Log of skipped text."""

from archbuilder.text.corpus import SkipLog
from archbuilder.text.record import SourceLocation
from archbuilder.text.skipped import Skipped


def test_skipped_records_are_counted_by_reason_with_the_first_location():
    log = SkipLog()
    for line in (3, 5, 8):
        log.add("pairs", "empty side", SourceLocation("text", line))
    log.add("lines", "empty line", SourceLocation("text", 9))
    assert log.skipped() == (
        Skipped("pairs", "empty side", 3, SourceLocation("text", 3)),
        Skipped("lines", "empty line", 1, SourceLocation("text", 9)),
    )


def test_skipped_text_is_formatted_with_its_count_and_first_location():
    reason = "sentences dropped because they are longer than data.sequence_length (8 tokens)"
    assert str(Skipped("sentences", reason, 1200)) == f"1,200 {reason}"
    assert str(Skipped("pairs", "empty side", 3, SourceLocation("a/text", 3))) == (
        "3 empty side, the first at a/text:3"
    )
