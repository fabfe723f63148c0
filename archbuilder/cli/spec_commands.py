"""Commands for spec files: new, validate, schema, summary."""

import json
from pathlib import Path
from typing import Annotated

import typer

from archbuilder.cli.app import AsJson, Overrides, SpecFile, SpecFiles, app, load_experiment
from archbuilder.errors import writable
from archbuilder.experiment import Experiment, fix_names
from archbuilder.language import SpecError, json_schema, read, validate_tree


@app.command()
def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the experiment and of the new file.")
    ],
    like: Annotated[str, typer.Option(help="Starter spec to copy: bert or transformer.")] = "bert",
) -> None:
    """Create a commented starter spec that is ready to train."""
    from archbuilder.starter import create_spec

    for path in create_spec(name, like, Path.cwd()):
        typer.echo(f"wrote {path.name}")
    typer.echo(f"next: archbuild train {name}.yaml")


@app.command()
def validate(
    specs: SpecFiles,
    overrides: Overrides = None,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Print all values and where each comes from.")
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Rename outdated fields and values in the files.")
    ] = False,
) -> None:
    """Check spec files and report every error with its file and line."""
    problems = []
    for path in specs:
        try:
            if fix:
                for edit in fix_names(path, overrides or ()):
                    location = f"{edit.file}:{edit.line}:{edit.column}"
                    typer.echo(f"{location}: replaced {edit.old!r} with {edit.new!r}", err=True)
            tree = read(path, overrides or ())
            validate_tree(tree, Experiment)
        except SpecError as error:
            problems += error.lines
            continue
        for note in tree.notes:
            typer.echo(f"note: {note}", err=True)
        typer.echo(tree.resolved_text() if resolved else f"{path}: ok", nl=not resolved)
    if problems:
        raise SpecError(problems)


@app.command()
def schema(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write. Default: standard output."),
    ] = None,
) -> None:
    """Write the JSON Schema of spec files, for completion and help in editors."""
    text = json.dumps(json_schema(Experiment), indent=1, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(text, nl=False)
        return
    with writable(output):
        output.write_text(text, encoding="utf-8")


@app.command()
def summary(spec: SpecFile, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Show the layers of a model and their parameter counts without building it."""
    from archbuilder.insight import summary

    result = summary.summarize(load_experiment(spec, overrides))
    typer.echo(summary.as_json(result) if as_json else summary.as_text(result))
