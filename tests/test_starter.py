"""Specs to start from: whatever they may be called, they are valid; else nothing is written."""

import os

import pytest

from archbuilder.errors import UserError
from archbuilder.experiment import load
from archbuilder.starter import create_spec


@pytest.mark.parametrize("like", ["bert", "transformer"])
@pytest.mark.parametrize("name", ["2024", "true", "null", "1e5", "0x1F", "no", "_", "é-1.b"])
def test_what_yaml_reads_as_something_else_is_a_name_all_the_same(name, like, tmp_path):
    spec, *_ = create_spec(name, like, tmp_path)
    assert load(spec).name == name


@pytest.mark.parametrize("name", ["", "-x", ".", "..", "a/b", "a b", "a\n", "a:"])
def test_a_name_that_a_spec_cannot_have_is_refused_in_its_words(name, tmp_path):
    with pytest.raises(UserError, match="must be a letter, digit or '_', and then these"):
        create_spec(name, "bert", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_spec_that_would_extend_itself_is_not_written(tmp_path):
    with pytest.raises(UserError, match="bert_base: is the name of a shipped spec"):
        create_spec("bert_base", "bert", tmp_path)


def test_where_not_everything_can_be_written_nothing_is(tmp_path):
    room = os.pathconf(tmp_path, "PC_NAME_MAX")
    name = "x" * (room - len(".yaml"))  # None is left for ".train.source".
    with pytest.raises(UserError, match="cannot be written: File name too long"):
        create_spec(name, "transformer", tmp_path)
    assert list(tmp_path.iterdir()) == []
