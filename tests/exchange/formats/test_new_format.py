"""A new export format takes one file in `exchange/formats/` and one line in its `__init__.py`."""

import numpy as np
import pytest

from tests import small_run
from tests.package_copy import PackageCopy

pytestmark = pytest.mark.slow

FORMAT_FILE = '''
"""Arrays of numpy by path, for tests."""

from pathlib import Path
from typing import Any

import numpy as np

from archbuilder.exchange.formats.format import Extra, Format
from archbuilder.runs.run_folder import RunFolder


class NumpyArchive(Format):
    """The weights in an `.npz` file."""

    name = "numpy_archive"
    extra = Extra("archives", ("PACKAGE",))

    def write(self, model: Any, run: RunFolder, path: Path) -> str:
        with open(path, "wb") as file:
            np.savez(file, **{weight.path: np.asarray(weight) for weight in model.weights})
        return "the archive has no spec"

    def compare(self, model: Any, path: Path) -> float:
        arrays = np.load(path)
        return max(float(np.abs(arrays[weight.path] - weight).max()) for weight in model.weights)


FORMAT = NumpyArchive()
'''
LAST_LINE = '    "hugging_face",\n'


def copy_with_format(folder, package="numpy"):
    """Return a copy of the package with the format, which imports `package`."""
    copy = PackageCopy(folder / "copy")
    copy.add_file("exchange/formats/numpy_archive.py", FORMAT_FILE.replace("PACKAGE", package))
    added = LAST_LINE + '    "numpy_archive",\n'
    copy.edit_line("exchange/formats/__init__.py", LAST_LINE, added)
    return copy


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_run.in_bfloat16(tmp_path_factory.mktemp("bfloat16"))


def archbuild(copy, *arguments, cwd):
    return copy.run("-m", "archbuilder", *arguments, cwd=cwd, COLUMNS="200")


def test_a_new_format_is_listed_and_exports(run, tmp_path):
    copy = copy_with_format(tmp_path)
    options = ("--format", "numpy_archive", "--output", "weights.npz")
    process = archbuild(copy, "export", run.path, *options, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines() == [
        "the archive has no spec",
        "weights.npz: exported and reloaded; largest difference of the outputs: 0.0e+00",
    ]
    assert len(np.load(tmp_path / "weights.npz").files) > 10

    help_text = " ".join(archbuild(copy, "export", "--help", cwd=tmp_path).stdout.split())
    assert "keras, saved_model, hugging_face or numpy_archive." in help_text
    options = ("--format", "onx", "--output", "m")
    process = archbuild(copy, "export", run.path, *options, cwd=tmp_path)
    assert process.returncode == 2
    assert process.stderr == (
        "unknown export format 'onx'; use one of keras, saved_model, hugging_face, numpy_archive\n"
    )


def test_a_format_with_a_missing_package_reports_the_extra(run, tmp_path):
    copy = copy_with_format(tmp_path, package="not_installed")
    options = ("--format", "numpy_archive", "--output", "weights.npz")
    process = archbuild(copy, "export", run.path, *options, cwd=tmp_path)
    assert process.returncode == 2
    assert process.stderr == (
        "export format 'numpy_archive' requires the package not_installed; "
        "install it with pip install 'archbuilder[archives]'\n"
    )
    assert not (tmp_path / "weights.npz").exists()
