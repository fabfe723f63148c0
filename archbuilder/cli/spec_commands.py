"""Commands for specs: new, validate, schema, summary."""

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
        str, typer.Argument(metavar="NAME", help="Name of the experiment and of its file.")
    ],
    like: Annotated[str, typer.Option(help="Starter to copy: bert or transformer.")] = "bert",
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
        bool, typer.Option("--resolved", help="Print the resolved spec with each value's origin.")
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Rewrite names of earlier versions of the language.")
    ] = False,
) -> None:
    """Check specs and report every mistake with its file and line."""
    problems = []
    for path in specs:
        try:
            if fix:
                for edit in fix_names(path, overrides or ()):
                    where = f"{edit.file}:{edit.line}:{edit.column}"
                    typer.echo(f"{where}: replaced {edit.old!r} with {edit.new!r}", err=True)
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
    """Write the JSON schema of specs, for completion and help in editors."""
    text = json.dumps(json_schema(Experiment), indent=1, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(text, nl=False)
        return
    with writable(output):
        output.write_text(text, encoding="utf-8")


@app.command()
def summary(spec: SpecFile, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Show a model's layers and parameter counts without building it."""
    from archbuilder.insight import summary

    result = summary.summarize(load_experiment(spec, overrides))
    typer.echo(summary.as_json(result) if as_json else summary.as_text(result))
