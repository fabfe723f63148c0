"""Starter specs are valid with every valid name. Otherwise, no file is written."""

import os

import pytest

from archbuilder.errors import UserError
from archbuilder.experiment import load
from archbuilder.starter import create_spec


@pytest.mark.parametrize("like", ["bert", "transformer"])
@pytest.mark.parametrize("name", ["2024", "true", "null", "1e5", "0x1F", "no", "_", "é-1.b"])
def test_names_that_yaml_would_parse_as_other_types_are_valid(name, like, tmp_path):
    spec, *_ = create_spec(name, like, tmp_path)
    assert load(spec).name == name


@pytest.mark.parametrize("name", ["", "-x", ".", "..", "a/b", "a b", "a\n", "a:"])
def test_invalid_names_are_rejected_with_the_message_of_specs(name, tmp_path):
    with pytest.raises(UserError, match=r"must consist of letters, digits, '_', '-' and '\.'"):
        create_spec(name, "bert", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_a_shipped_spec_is_rejected(tmp_path):
    with pytest.raises(UserError, match="bert_base: is the name of a shipped spec"):
        create_spec("bert_base", "bert", tmp_path)


def test_no_file_is_left_if_one_cannot_be_written(tmp_path):
    max_length = os.pathconf(tmp_path, "PC_NAME_MAX")
    name = "x" * (max_length - len(".yaml"))  # Too long with ".train.source".
    with pytest.raises(UserError, match="cannot be written: File name too long"):
        create_spec(name, "transformer", tmp_path)
    assert list(tmp_path.iterdir()) == []
