"""The `archbuild` command line: parses arguments, calls the package, prints results.

Exit codes: 0 success; 1 failure while working; 2 a mistake in the input; 130 interrupted.
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core
from typing_extensions import override

from archbuilder.errors import UserError, writable
from archbuilder.experiment import Experiment, fix_names
from archbuilder.keras_backend import load_keras
from archbuilder.language import SpecError, json_schema, read, validate_tree


class Commands(typer.core.TyperGroup):
    """A group of commands that reports Ctrl-C in one line, without a traceback."""

    @override
    def invoke(self, ctx: Any) -> Any:
        from archbuilder.stopping import RunInterruptedError

        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise RunInterruptedError("interrupted") from None


app = typer.Typer(
    cls=Commands,
    help="Build, train and export Keras models from YAML specs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SpecFiles = Annotated[list[Path], typer.Argument(metavar="SPEC...", help="YAML spec files.")]
SpecFile = Annotated[Path, typer.Argument(metavar="SPEC", help="YAML spec file.")]
RunPath = Annotated[
    Path, typer.Argument(metavar="RUN", help="Run folder that `train` or `import` created.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a value of the spec, such as training.steps=4. Can be repeated.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


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

    result = summary.summarize(_load(spec, overrides))
    typer.echo(summary.as_json(result) if as_json else summary.as_text(result))


@app.command()
def prepare(spec: SpecFile, overrides: Overrides = None) -> None:
    """Train the tokenizer and tokenize the text. `train` does this if it is needed."""
    from archbuilder.text.cache import cache_root
    from archbuilder.training.loop.reporter import Reporter

    experiment, reporter = _load(spec, overrides), Reporter()
    for line in experiment.prepare(reporter).lines():
        reporter.print(line)
    reporter.print(f"in {cache_root()}")


@app.command()
def inspect(
    spec: SpecFile,
    overrides: Overrides = None,
    examples: Annotated[
        int, typer.Option(help="Number of examples to show of each split.", min=0, max=100)
    ] = 3,
    as_json: AsJson = False,
) -> None:
    """Show statistics and examples of the training data, as the model will read it."""
    from archbuilder.insight import inspection
    from archbuilder.training.loop.reporter import Reporter

    reporter = Reporter(error=as_json)
    facts = inspection.inspect(_load(spec, overrides), reporter, examples)
    as_text = inspection.as_text
    typer.echo(json.dumps(facts, ensure_ascii=False, indent=1) if as_json else as_text(facts))


@app.command()
def train(
    spec: SpecFile,
    run: Annotated[
        str | None, typer.Option(help="Run folder to write. Default: runs/NAME.")
    ] = None,
    overrides: Overrides = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start from scratch; replace the run in the folder.")
    ] = False,
    coordinator: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Address of process 0.")
    ] = None,
    processes: Annotated[
        int, typer.Option(help="Number of processes that train together.", min=1)
    ] = 1,
    process: Annotated[
        int, typer.Option(help="Index of this process, starting from 0.", min=0)
    ] = 0,
) -> None:
    """Train a model. The same command resumes an interrupted run."""
    from archbuilder.stopping import RunInterruptedError, raise_interrupt_on_sigterm
    from archbuilder.training.recipe.distribution import process_group

    if run == "":  # An empty path is the current folder, which a run must not replace.
        raise UserError("--run must not be empty; name a folder")
    try:
        raise_interrupt_on_sigterm()
        experiment = _load(spec, overrides)
        joined = process_group(coordinator, processes, process)
        experiment.train(run, restart=restart, processes=joined)
    except KeyboardInterrupt:
        raise RunInterruptedError(
            "interrupted; the same command resumes from the last checkpoint, if there is one"
        ) from None


@app.command()
def predict(
    run: RunPath,
    input_file: Annotated[
        Path | None, typer.Option("--input", help="Text file to read. Default: standard input.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="fill_mask, embed or translate. Default: the first available."),
    ] = None,
    top_k: Annotated[
        int,
        typer.Option(help="Candidates to print per mask. With --json, 0 means 5.", min=0, max=1000),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Fill masks, embed or translate lines of text. Print one result per line, in order."""
    from archbuilder.inference.text_io import format_prediction, read_lines
    from archbuilder.run import open_run

    for prediction in open_run(run).predict(read_lines(input_file), task, top_k or 5):
        typer.echo(format_prediction(prediction, top_k > 0, as_json))


@app.command(name="import")
def import_(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder with config.json and the weights.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Run folder to create.")],
) -> None:
    """Convert a Hugging Face model to a run folder, for `predict` and `export`."""
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
    """A command whose help lists the export formats. They are imported only for the help."""

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
    """Export the best model, then reload the export and compare its outputs."""
    from archbuilder.run import open_run

    result = open_run(run).export(format_name, output)
    for note in result.notes:
        typer.echo(note)
    difference = f"{result.largest_difference:.1e}"
    typer.echo(f"{output}: exported and reloaded; largest difference of the outputs: {difference}")


def main() -> None:
    """Run the command line and exit with the code of the result."""
    from archbuilder.stopping import OperationFailedError, RunInterruptedError

    try:
        app()
    except UserError as error:
        _exit(str(error), 2)
    except (RunInterruptedError, KeyboardInterrupt) as error:
        _exit(str(error) or "interrupted", 130)
    except BrokenPipeError:
        _exit_quietly()
    except (OperationFailedError, OSError) as error:
        _exit(str(error), 1)


def _exit(message: str, code: int) -> None:
    typer.echo(message, err=True)
    sys.exit(code)


def _exit_quietly() -> None:
    """Exit without a message when stdout is closed, also during Python's final flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(1)


def _load(spec: Path, overrides: list[str] | None) -> Experiment:
    """Return the experiment in a spec, and print the notes about it to stderr."""
    tree = read(spec, overrides or ())
    experiment = validate_tree(tree, Experiment)
    for note in tree.notes:
        typer.echo(f"note: {note}", err=True)
    return experiment
