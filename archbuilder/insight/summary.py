"""Parameter counts of a model and its parts, computed from the spec without building the model."""

import json
from typing import TypedDict

from rich.console import Console
from rich.table import Table

from archbuilder.experiment import Experiment


class Parameters(TypedDict):
    """Parameter counts of a model. Shared weights are counted once."""

    total: int
    """Number of parameters of the model."""
    parts: dict[str, int]
    """Number of parameters by part. A part is the first component of layer names: `encoder`."""


class Summary(TypedDict):
    """The output of `archbuild summary`."""

    name: str
    """Name of the experiment."""
    parameters: Parameters
    """Parameter counts of the experiment's model."""


def summarize(experiment: Experiment) -> Summary:
    """Return the number of parameters of an experiment's model, in total and by part."""
    counter = experiment.parameter_counter()
    names = dict.fromkeys(layer.partition(".")[0] for layer in counter.weights)
    parts = {name: counter.total(name) for name in names}
    return {"name": experiment.name, "parameters": {"total": counter.total(), "parts": parts}}


def as_json(summary: Summary) -> str:
    """Return the summary as JSON."""
    return json.dumps(summary, indent=1)


def as_text(summary: Summary) -> str:
    """Return the summary as a text table with one row for each part and a row for the total."""
    name, parameters = summary["name"], summary["parameters"]
    table = Table("part", "parameters", show_footer=True)
    table.columns[1].justify = "right"
    for part, count in parameters["parts"].items():
        table.add_row(part, f"{count:,}")
    table.columns[0].footer, table.columns[1].footer = "total", f"{parameters['total']:,}"
    console = Console(width=10_000)  # Names and numbers must not be truncated.
    with console.capture() as capture:
        console.print(table)
    return f"{name}\n{capture.get().rstrip()}"
