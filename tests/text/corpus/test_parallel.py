"""Parallel text as pairs."""

import pytest

from archbuilder.errors import UserError
from archbuilder.text.corpus import Parallel, SkipLog
from tests.text.corpus.sample_corpora import skipped, texts, write


def parallel(tmp_path, source, target):
    paths = {"source": write(tmp_path / "en", source), "target": write(tmp_path / "de", target)}
    return Parallel(type="parallel", **paths)


def test_pairs_with_an_empty_side_are_skipped_and_counted(tmp_path):
    log = SkipLog()
    corpus = parallel(tmp_path, "a\n\nc\nd\n", "A\nB\nC\n \n")
    assert list(texts(corpus.records(log))) == [("a", "A"), ("c", "C")]
    assert skipped(log) == {"empty side": (2, f"{tmp_path}/en:2")}
    with pytest.raises(UserError, match="en: contains no text"):
        list(parallel(tmp_path, "\n", "A\n").records())


@pytest.mark.parametrize(
    ("source", "target", "counts"),
    [("a\nb\n", "A\nB\nC\n", (2, 3)), ("a\n\n\n", "A", (3, 1)), ("a\nb", "A\n", (2, 1))],
)
def test_error_for_files_of_different_length_has_both_counts(source, target, counts, tmp_path):
    with pytest.raises(UserError) as error:
        list(parallel(tmp_path, source, target).records())
    assert str(error.value) == (
        f"{tmp_path}/en has {counts[0]} lines, but {tmp_path}/de has {counts[1]}; "
        "parallel files must have equally many lines"
    )


def test_pairs_are_read_lazily(tmp_path):
    assert next(texts(parallel(tmp_path, b"a\n\xff\n", "A\nB\n").records())) == ("a", "A")


def test_fingerprint_depends_on_the_direction(tmp_path):
    forward, backward = parallel(tmp_path, "a\n", "b\n"), parallel(tmp_path, "b\n", "a\n")
    assert backward.fingerprint() == backward.fingerprint()
    fingerprint = backward.fingerprint()
    write(tmp_path / "en", "a\n")
    write(tmp_path / "de", "b\n")
    assert forward.fingerprint() != fingerprint
