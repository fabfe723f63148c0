"""Fixtures that write specs into an empty folder, and read and validate them."""

import pytest

from archbuilder.language import SpecError, read, validate_tree
from tests.language.toy import SPEC, Toy


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return an empty folder, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(here):
    """Return a function that writes files: `write(a="text")` writes a.yaml."""

    def write(**files):
        for name, text in files.items():
            data = text if isinstance(text, bytes) else text.encode()
            (here / f"{name}.yaml").write_bytes(data)

    return write


@pytest.fixture
def toy(write):
    """Return a function that writes spec.yaml and returns its instance."""

    def toy(text=SPEC, *overrides, root=Toy, **files):
        write(spec=text, **files)
        return validate_tree(read("spec.yaml", overrides), root)

    return toy


@pytest.fixture
def lines(toy):
    """Return a function that writes spec.yaml and returns its error lines."""

    def lines(text=SPEC, *overrides, **files):
        try:
            toy(text, *overrides, **files)
        except SpecError as error:
            return error.lines
        return []

    return lines
