"""Commands for run folders: train, predict."""

from pathlib import Path
from typing import Annotated

import typer

from archbuilder.cli.app import AsJson, Overrides, RunPath, SpecFile, app, load_experiment
from archbuilder.errors import UserError


@app.command()
def train(
    spec: SpecFile,
    run: Annotated[
        str | None, typer.Option(help="Run folder. Default: runs/NAME, with the name in the spec.")
    ] = None,
    overrides: Overrides = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Replace the run in the folder and start from step 0.")
    ] = False,
    coordinator: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="Address of process 0; required for several processes."
        ),
    ] = None,
    processes: Annotated[
        int, typer.Option(help="Number of processes that train one model.", min=1)
    ] = 1,
    process: Annotated[int, typer.Option(help="Index of this process, from 0.", min=0)] = 0,
) -> None:
    """Train a model. The same command resumes an interrupted run."""
    from archbuilder.stopping import RunInterruptedError, raise_interrupt_on_sigterm
    from archbuilder.training.recipe.distribution import process_group

    if run == "":  # An empty path is the current folder, which a run must not replace.
        raise UserError("--run must not be empty; give the path of a folder")
    try:
        raise_interrupt_on_sigterm()
        experiment = load_experiment(spec, overrides)
        group = process_group(coordinator, processes, process)
        experiment.train(run, restart=restart, processes=group)
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
        typer.Option(
            help="fill_mask, embed or translate. Default: the first that the model supports."
        ),
    ] = None,
    top_k: Annotated[
        int,
        typer.Option(
            help="Number of candidates per mask. 0: only the text, or 5 with --json.",
            min=0,
            max=1000,
        ),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Fill masks, embed or translate lines of text. Print one result per line, in order."""
    from archbuilder.inference.text_io import format_prediction, read_lines
    from archbuilder.run import open_run

    for prediction in open_run(run).predict(read_lines(input_file), task, top_k or 5):
        typer.echo(format_prediction(prediction, top_k > 0, as_json))
