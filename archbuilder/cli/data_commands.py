"""Commands for the training data: prepare, inspect."""

import json
from typing import Annotated

import typer

from archbuilder.cli.app import AsJson, Overrides, SpecFile, app, load_experiment


@app.command()
def prepare(spec: SpecFile, overrides: Overrides = None) -> None:
    """Train the tokenizer and tokenize the text, or reuse the cache. `train` does this, too."""
    from archbuilder.text.cache import cache_root
    from archbuilder.training.loop.reporter import Reporter

    experiment, reporter = load_experiment(spec, overrides), Reporter()
    for line in experiment.prepare(reporter).lines():
        reporter.print(line)
    reporter.print(f"cached in {cache_root()}")


@app.command()
def inspect(
    spec: SpecFile,
    overrides: Overrides = None,
    examples: Annotated[
        int, typer.Option(help="Number of examples to show for each split.", min=0, max=100)
    ] = 3,
    as_json: AsJson = False,
) -> None:
    """Show statistics and examples of the data, as the model receives them."""
    from archbuilder.insight import inspection
    from archbuilder.training.loop.reporter import Reporter

    reporter = Reporter(error=as_json)
    report = inspection.inspect(load_experiment(spec, overrides), reporter, examples)
    as_text = inspection.as_text
    typer.echo(json.dumps(report, ensure_ascii=False, indent=1) if as_json else as_text(report))
