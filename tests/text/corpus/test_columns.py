"""CoNLL files as documents."""

import pytest

from archbuilder.errors import UserError
from archbuilder.text.corpus import SkipLog, columns
from archbuilder.text.corpus.columns import Columns
from tests.text.corpus.sample_corpora import one_file, skipped, texts

CONLL_U = """\
# newdoc id = one
# sent_id = 1
# text = zum # Haus
1-2\tzum\t_\t_\t_\t_\t_\t_\t_\t_
1\tzu\tzu\t_\t_\t_\t_\t_\t_\t_
2\tdem\tder\t_\t_\t_\t_\t_\t_\t_
3\t#\t#\t_\t_\t_\t_\t_\t_\t_
3.1\tsteht\t_\t_\t_\t_\t_\t_\t_\t_
4\tNew York\tHaus\t_\t_\t_\t_\t_\t_\t_

1\tJa\tja\t_\t_\t_\t_\t_\t_\t_
# newdoc id = two
"""


def read(tmp_path, content, **settings):
    log = SkipLog()
    documents = list(texts(one_file(tmp_path, "columns", content, **settings).records(log)))
    return documents, skipped(log)


def error_message(tmp_path, content, **settings):
    with pytest.raises(UserError) as error:
        read(tmp_path, content, **settings)
    return str(error.value).removeprefix(f"{tmp_path}/")


def test_file_without_document_markers_is_one_document(tmp_path):
    content = "EU NNP B-ORG\nrejects VBZ O\n\n\n# said\nSo RB O\n# # O\n"
    assert read(tmp_path, content) == ([["EU rejects", "So #"]], {})


def test_only_spaces_separate_columns_without_tabs(tmp_path):
    content = " 5\u00a0000  CD\n\u3000a\u2003b NN \n"
    assert read(tmp_path, content) == ([["5\u00a0000 a\u2003b"]], {})
    assert read(tmp_path, content, text=1) == ([["CD NN"]], {})


def test_markers_start_documents_and_empty_documents_are_counted(tmp_path):
    marker = "-DOCSTART- -X- O\n"
    content = f"{marker}\na X\n\nb X\n{marker}{marker}\nc X\n\n{marker}"
    assert read(tmp_path, content) == (
        [["a", "b"], ["c"]],
        {"empty document": (2, f"{tmp_path}/text:6")},
    )


def test_conll_u_yields_the_words_of_the_text(tmp_path):
    content = CONLL_U.replace("\n# newdoc id = two", "\n\n# newdoc id = two\n1\tb" + "\t_" * 8)
    assert read(tmp_path, content, text=1) == ([["zum # New York", "Ja"], ["b"]], {})


def test_numbers_outside_of_the_id_column_are_tokens(tmp_path):
    for column in (0, 9):
        cells = [["x"] * 10 for _ in range(3)]
        for row, token in zip(cells, ("0", "1.5", "1-2"), strict=True):
            row[column] = token
        content = "".join("\t".join(row) + "\n" for row in cells)
        assert read(tmp_path, content, text=column) == ([["0 1.5 1-2"]], {})


def test_line_without_the_column_is_an_error(tmp_path):
    assert error_message(tmp_path, "a X\nb\n", text=1) == (
        "text:2: no token in column 1 (counted from 0); the line has 1 columns"
    )
    assert error_message(tmp_path, "\tX\n") == (
        "text:1: no token in column 0 (counted from 0); the line has 2 columns"
    )


def test_missing_blank_lines_and_missing_text_are_errors(tmp_path, monkeypatch):
    assert error_message(tmp_path, "# nothing\n\n") == "text: contains no text"
    monkeypatch.setattr(columns, "MAX_SENTENCE_TOKENS", 2)
    assert error_message(tmp_path, "a\nb\nc\n") == (
        "text:3: sentence has more than 2 tokens; separate sentences by blank lines"
    )
    monkeypatch.setattr(columns, "MAX_DOCUMENT_SENTENCES", 1)
    assert error_message(tmp_path, "a\n\nb\n").startswith("text:1: document has more than")


def test_number_sign_with_tabs_is_a_token(tmp_path):
    path = tmp_path / "tokens.tsv"
    path.write_text("#\tSYM\n1\tNUM\n\n# a comment\n#\tSYM\n")
    corpus = Columns(type="columns", files=(str(path),))
    assert list(texts(corpus.records())) == [["# 1", "#"]]
