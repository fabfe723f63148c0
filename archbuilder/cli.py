"""The command line: it parses, calls and prints, and turns mistakes into exit codes.

0 done; 1 failed while working; 2 a mistake of the user's; 130 interrupted with the state saved.
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from archbuilder.errors import UserError, writable
from archbuilder.experiment import Experiment
from archbuilder.keras_backend import load_keras
from archbuilder.language import SpecError, check, json_schema, read


class Commands(typer.core.TyperGroup):
    """The commands; an interrupt of any of them is reported in one sentence."""

    def invoke(self, ctx: Any) -> Any:
        from archbuilder.stopping import Interrupted

        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("interrupted") from None


app = typer.Typer(
    cls=Commands,
    help="Build, train and export Keras models from YAML specs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Specs = Annotated[list[Path], typer.Argument(metavar="SPEC...", help="YAML specs.")]
Spec = Annotated[Path, typer.Argument(metavar="SPEC", help="A YAML spec.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, as train leaves it.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Write VALUE at KEY, as in a.b.c=4."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    like: Annotated[str, typer.Option(help="bert or transformer.")] = "bert",
) -> None:
    """Write a commented spec, ready to run, to start from."""
    from archbuilder.starter import create_spec

    for path in create_spec(name, like, Path.cwd()):
        typer.echo(f"wrote {path.name}")
    typer.echo(f"next: archbuild train {name}.yaml")


@app.command()
def validate(
    specs: Specs,
    set: Set = None,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Print the spec after extends and --set.")
    ] = False,
) -> None:
    """Show every mistake in specs, each at its line; or "ok"."""
    problems = []
    for path in specs:
        try:
            tree = read(path, set or ())
            check(tree, Experiment)
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
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here.")] = None,
) -> None:
    """Print the JSON schema, for editors that complete and explain specs."""
    text = json.dumps(json_schema(Experiment), indent=1, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(text, nl=False)
        return
    with writable(output):
        output.write_text(text, encoding="utf-8")


@app.command()
def summary(spec: Spec, set: Set = None, json: AsJson = False) -> None:
    """Count a spec's parameters, part by part, without building it."""
    from archbuilder.insight.summary import as_json, as_text, summarize

    found = summarize(_load(spec, set))
    typer.echo(as_json(found) if json else as_text(found))


@app.command()
def prepare(spec: Spec, set: Set = None) -> None:
    """Train the tokenizer and turn the text into ids, once; train does it when needed."""
    from archbuilder.text.cache import cache_root
    from archbuilder.training.loop.reporter import Reporter

    experiment, reporter = _load(spec, set), Reporter()
    for line in experiment.prepare(reporter).lines():
        reporter.print(line)
    reporter.print(f"in {cache_root()}")


@app.command()
def inspect(
    spec: Spec,
    set: Set = None,
    examples: Annotated[
        int, typer.Option(help="Show this many examples of each text.", min=0, max=100)
    ] = 3,
    json: AsJson = False,
) -> None:
    """Show what the data looks like before anything is trained on it."""
    from json import dumps

    from archbuilder.insight.inspection import as_text
    from archbuilder.insight.inspection import inspect as look
    from archbuilder.training.loop.reporter import Reporter

    reporter = Reporter(error=json)
    found = look(_load(spec, set), reporter, examples)
    typer.echo(dumps(found, ensure_ascii=False, indent=1) if json else as_text(found))


@app.command()
def train(
    spec: Spec,
    run: Annotated[str | None, typer.Option(help="Run folder; runs/NAME unless given.")] = None,
    set: Set = None,
    restart: Annotated[bool, typer.Option("--restart", help="Begin the run afresh.")] = False,
    coordinator: Annotated[
        str | None, typer.Option(help="HOST:PORT of the first of several processes.")
    ] = None,
    processes: Annotated[int, typer.Option(help="Processes that train together.", min=1)] = 1,
    process: Annotated[int, typer.Option(help="The number of this one, from 0.", min=0)] = 0,
) -> None:
    """Train a spec; the same command goes on where it stopped."""
    from archbuilder.stopping import Interrupted, terminate_as_interrupt
    from archbuilder.training.recipe.distribution import together

    if run == "":  # It would be this folder, and what it holds is not a run's to replace.
        raise UserError("--run must not be empty")
    try:
        terminate_as_interrupt()
        experiment = _load(spec, set)
        joined = together(coordinator, processes, process)
        experiment.train(run, restart=restart, processes=joined)
    except KeyboardInterrupt:
        raise Interrupted(
            "interrupted; the same command goes on from the last checkpoint, if there is one"
        ) from None


@app.command()
def predict(
    run: Run,
    input: Annotated[
        Path | None, typer.Option(help="Lines of text; standard input unless given.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="fill_mask, embed or translate.")] = None,
    top_k: Annotated[
        int,
        typer.Option(
            help="Print this many candidates for each mask below its line; 0 prints none. "
            "With --json, the number of candidates in each list (0: 5).",
            min=0,
            max=1000,
        ),
    ] = 0,
    json: AsJson = False,
) -> None:
    """Fill masks, embed or translate: lines in, lines out, in order."""
    from archbuilder.inference.text_io import format_prediction, read_lines
    from archbuilder.run import open_run

    opened = open_run(run)
    for prediction in opened.predict(read_lines(input), task, top_k or 5):
        typer.echo(format_prediction(prediction, top_k > 0, json))


@app.command(name="import")
def import_(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="config.json and model.safetensors.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Make this run folder.")],
) -> None:
    """Make a run folder of a model in Hugging Face's files, which the other commands then take."""
    from archbuilder.exchange.import_model import check_import, import_folder

    check_import(folder, output)
    load_keras()
    found = import_folder(folder, output)
    count = found.experiment.parameter_counter().total()
    typer.echo(f"{output}: {count:,} parameters; objectives: {_listed(found.experiment)}")
    for line in found.not_imported:
        typer.echo(line)


def _listed(experiment: Experiment) -> str:
    return ", ".join(experiment.objectives) or "none"


class ExportCommand(typer.core.TyperCommand):
    """A command whose help lists the export formats, which are imported only to show it."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from archbuilder.exchange.formats import format_names

        for option in self.params:
            if isinstance(option, typer.core.TyperOption) and option.name == "format":
                option.help = f"{format_names()}."
        super().format_help(ctx, formatter)


@app.command(cls=ExportCommand)
def export(
    run: Run,
    format: Annotated[str, typer.Option(help="The export format.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Write here.")],
) -> None:
    """Write the best model in a format, load it there again, and compare its outputs."""
    from archbuilder.run import open_run

    result = open_run(run).export(format, output)
    for note in result.notes:
        typer.echo(note)
    typer.echo(
        f"{output}: written, loaded again; largest difference {result.largest_difference:.1e}"
    )


def main() -> None:
    """The entry point `archbuild`."""
    from archbuilder.stopping import Interrupted, WorkFailed

    try:
        app()
    except UserError as error:
        _end(str(error), 2)
    except (Interrupted, KeyboardInterrupt) as error:
        _end(str(error) or "interrupted", 130)
    except BrokenPipeError:
        _end_unheard()
    except (WorkFailed, OSError) as error:
        _end(str(error), 1)


def _end(message: str, code: int) -> None:
    typer.echo(message, err=True)
    sys.exit(code)


def _end_unheard() -> None:
    """Whoever read our output has seen enough: end without a word, also where Python flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(1)


def _load(spec: Path, overrides: list[str] | None) -> Experiment:
    tree = read(spec, overrides or ())
    experiment = check(tree, Experiment)
    for note in tree.notes:
        typer.echo(f"note: {note}", err=True)
    return experiment
