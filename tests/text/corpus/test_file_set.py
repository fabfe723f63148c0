"""Sets of files: expansion of patterns, and errors."""

import pytest

from archbuilder.errors import UserError
from archbuilder.text.corpus.file_set import expand_patterns
from tests.text.corpus.sample_corpora import write


def error_message(call):
    with pytest.raises(UserError) as error:
        call()
    return str(error.value)


def test_patterns_expand_to_sorted_files_without_folders(tmp_path):
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / "folder.txt").mkdir()
    names = ["z.txt", "a.txt", "b/c/d.txt", "no.md", "odd[1].txt"]
    paths = {name: write(tmp_path / name, "x") for name in names}
    assert expand_patterns([f"{tmp_path}/?.txt"]) == (paths["a.txt"], paths["z.txt"])
    assert expand_patterns([paths["odd[1].txt"]]) == (paths["odd[1].txt"],)
    assert expand_patterns([paths["no.md"], f"{tmp_path}/**/d.txt"]) == (
        paths["no.md"],
        paths["b/c/d.txt"],
    )
    assert len(expand_patterns([f"{tmp_path}/**/*.txt"])) == 4


def test_brackets_in_folder_names_are_literal(tmp_path):
    (tmp_path / "w[1]").mkdir()
    file = write(tmp_path / "w[1]" / "a[2].txt", "x")
    for pattern in ("w[1]/*.txt", "w[1]/a*", "w[[]1]/*.txt", "w*/a[[]2].txt"):
        assert expand_patterns([f"{tmp_path}/{pattern}"]) == (file,)


def test_pattern_without_files_and_repeated_file_are_errors(tmp_path):
    file = write(tmp_path / "a.txt", "x")
    assert (
        error_message(lambda: expand_patterns([f"{tmp_path}/*.text"]))
        == f"{tmp_path}/*.text: no file matches this pattern"
    )
    assert error_message(lambda: expand_patterns([file, f"{tmp_path}/*.txt"])) == (
        f"{file}: is listed more than once"
    )
