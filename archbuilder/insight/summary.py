"""How large a model is, part by part, counted from its spec alone."""

import json

from rich.console import Console
from rich.table import Table


def summarise(experiment) -> dict:
    """Parameters in all and by part (the first names of the layers), shared weights once."""
    ledger = experiment.ledger()
    names = dict.fromkeys(layer.partition(".")[0] for layer in ledger.weights)
    parts = {name: ledger.total(name) for name in names}
    return {"name": experiment.name, "parameters": {"total": ledger.total(), "parts": parts}}


def as_json(found: dict) -> str:
    return json.dumps(found, indent=1)


def as_text(found: dict) -> str:
    table = Table("part", "parameters", show_footer=True)
    table.columns[1].justify = "right"
    for part, count in found["parameters"]["parts"].items():
        table.add_row(part, f"{count:,}")
    table.columns[0].footer, table.columns[1].footer = "total", f"{found['parameters']['total']:,}"
    console = Console(width=10_000)  # A name or a number that is cut off says nothing.
    with console.capture() as capture:
        console.print(table)
    return f"{found['name']}\n{capture.get().rstrip()}"
