"""Export a run's model in a format: write it, load it again, compare, and publish it."""

import os
from collections.abc import Callable
from pathlib import Path

from archbuilder.errors import UserError
from archbuilder.exchange.comparison import ExportError
from archbuilder.exchange.formats import find_format
from archbuilder.experiment import load
from archbuilder.files import publish, staging_directory
from archbuilder.inference.load_model import load_graph
from archbuilder.runs.run_folder import RunFolder

TOLERANCE = 1e-4
"""The largest absolute difference of any two outputs that float32 arithmetic explains."""


def _ignore(line: str) -> None:
    pass


def export(
    run: RunFolder, format_name: str, path: Path, report: Callable[[str], object] = _ignore
) -> float:
    """Write a run's model in float32, load it again, and compare the two.

    Args:
        run: The run folder.
        format_name: The name of an export format.
        path: The file or directory to create. It appears only after a successful comparison.
        report: Called with a sentence about what could not be written, if anything.

    Returns:
        The largest absolute difference.

    Raises:
        UserError: The run cannot be exported in this format, or not to this path.
        ExportError: The artifact cannot be loaded again or differs from the model.
    """
    check_export(run, format_name, path)
    format = find_format(format_name)
    with staging_directory(path) as staging:
        model = load_graph(load(run.spec_path()), run).model
        artifact = staging / path.name
        left_out = format.write(model, run, artifact)
        difference = format.compare(model, artifact)
        if not difference <= TOLERANCE:  # NaN is not.
            raise ExportError(
                f"{path}: not kept: its outputs differ from the model's by {difference:g}"
            )
        publish(artifact, path)
    if left_out:
        report(left_out)
    return difference


def check_export(run: RunFolder, format_name: str, path: Path) -> None:
    """Raise UserError for everything that prevents an export and shows without the model."""
    format = find_format(format_name)
    format.check_path(path)
    if os.path.lexists(path):
        raise UserError(f"{path}: already exists")
    run.spec_path()
    if not run.model.exists():
        raise UserError(f"{run.path}: has no model.keras yet; train it first")
    format.check_extra()
    format.check(run)
    with staging_directory(path):
        pass
