"""Export a run's model: write it, load it again, compare the outputs, and publish it."""

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
"""Maximum absolute difference of outputs that float32 rounding can cause."""


def _ignore(line: str) -> None:
    pass


def export(
    run: RunFolder, format_name: str, path: Path, report: Callable[[str], object] = _ignore
) -> float:
    """Write a run's model in float32, load it again, and compare the outputs.

    Args:
        run: The run folder.
        format_name: The name of an export format.
        path: The file or directory to create. It appears only after a successful comparison.
        report: Called with a message if some content could not be written. Default: ignored.

    Returns:
        The largest absolute difference between the outputs.

    Raises:
        UserError: The run cannot be exported in this format or to this path.
        ExportError: The artifact cannot be loaded, or its outputs differ from the model's.
    """
    check_export(run, format_name, path)
    export_format = find_format(format_name)
    with staging_directory(path) as staging:
        model = load_graph(load(run.spec_path()), run).model
        artifact = staging / path.name
        note = export_format.write(model, run, artifact)
        difference = export_format.compare(model, artifact)
        if not difference <= TOLERANCE:  # Also true for NaN.
            raise ExportError(
                f"{path}: export discarded: its outputs differ from the model's by {difference:g}, "
                f"more than {TOLERANCE:g}"
            )
        publish(artifact, path)
    if note:
        report(note)
    return difference


def check_export(run: RunFolder, format_name: str, path: Path) -> None:
    """Raise UserError if an export is impossible, as far as this is known without the model."""
    export_format = find_format(format_name)
    export_format.check_path(path)
    if os.path.lexists(path):
        raise UserError(f"{path}: already exists")
    run.spec_path()
    if not run.model.exists():
        raise UserError(f"{run.path}: has no model.keras yet; train it first")
    export_format.check_extra()
    export_format.check(run)
    with staging_directory(path):
        pass
