"""Text in HTML tables is escaped."""

from archbuilder.html_table import html_table


def test_captions_columns_and_cells_are_escaped():
    table = html_table("<a>", ("<b>",), [("<c>",), (1234.5,), (None,)])
    assert table == (
        "<table><caption>&lt;a&gt;</caption><tr><th>&lt;b&gt;</th></tr>"
        "<tr><td>&lt;c&gt;</td></tr><tr><td>1,234.5</td></tr><tr><td></td></tr></table>"
    )


def test_a_table_without_columns_has_no_header():
    assert "<th>" not in html_table("a", (), [("b", "c")])
