"""Commands that import and export models of other libraries: import, export."""

from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core
from typing_extensions import override

from archbuilder.cli.app import RunPath, app
from archbuilder.keras_backend import load_keras


@app.command(name="import")
def import_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Hugging Face model folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Run folder to create.")],
) -> None:
    """Convert a Hugging Face model to a run folder, which `predict` and `export` can read."""
    from archbuilder.exchange.import_model import check_import, import_folder

    check_import(folder, output)
    load_keras()
    imported = import_folder(folder, output)
    count = imported.experiment.parameter_counter().total()
    objectives = ", ".join(imported.experiment.objectives) or "none"
    typer.echo(f"{output}: {count:,} parameters; objectives: {objectives}")
    for line in imported.not_imported:
        typer.echo(line)


class ExportCommand(typer.core.TyperCommand):
    """A command whose help lists the export formats; they are imported only if help is shown."""

    @override
    def format_help(self, ctx: Any, formatter: Any) -> None:
        from archbuilder.exchange.formats import format_names

        for option in self.params:
            if isinstance(option, typer.core.TyperOption) and option.name == "format_name":
                option.help = f"Format to write: {format_names()}."
        super().format_help(ctx, formatter)


@app.command(cls=ExportCommand)
def export(
    run: RunPath,
    format_name: Annotated[str, typer.Option("--format", help="Format to write.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File or folder to create.")],
) -> None:
    """Export the best model of a run. The export is reloaded and its outputs are compared."""
    from archbuilder.run import open_run

    result = open_run(run).export(format_name, output)
    for note in result.notes:
        typer.echo(note)
    difference = f"{result.largest_difference:.1e}"
    typer.echo(f"{output}: exported and reloaded; largest difference of the outputs: {difference}")
