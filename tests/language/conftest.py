"""Specs in a folder of their own, read and checked as the command line does."""

import pytest

from archbuilder.language import SpecError, read, validate_tree
from tests.language.toy import SPEC, Toy


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(here):
    """Writes files: `write(a="text")` is a.yaml."""

    def write(**files):
        for name, text in files.items():
            data = text if isinstance(text, bytes) else text.encode()
            (here / f"{name}.yaml").write_bytes(data)

    return write


@pytest.fixture
def toy(write):
    """The instance that spec.yaml with this text describes."""

    def toy(text=SPEC, *overrides, root=Toy, **files):
        write(spec=text, **files)
        return validate_tree(read("spec.yaml", overrides), root)

    return toy


@pytest.fixture
def lines(toy):
    """The lines that spec.yaml with this text is refused with; none where it is accepted."""

    def lines(text=SPEC, *overrides, **files):
        try:
            toy(text, *overrides, **files)
        except SpecError as error:
            return error.lines
        return []

    return lines
