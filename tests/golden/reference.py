"""Stored losses of some cases, which the base commit computed."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.golden.cases import train, write_specs
from tests.golden.results import records

REFERENCE = Path(__file__).with_name("reference.json")

ENGINE = "tensorflow"

REFERENCE_CASES = (
    "masked_lm_next_sentence",
    "replaced_token_detection",
    "sequence_to_sequence",
)

STEPS = (1, 10, 20)


def measure(tree: Path, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Train the cases with `tree` in `folder`; return the records of `STEPS` by case."""
    runs = train(tree, ENGINE, write_specs(folder), folder / "runs", REFERENCE_CASES)
    return {
        case: [record for record in records(run) if record["step"] in STEPS]
        for case, run in runs.items()
    }


def write_reference(tree: Path) -> None:
    """Write the losses of `tree` to reference.json."""
    with TemporaryDirectory(prefix="archbuilder-reference-") as folder:
        measured = measure(tree, Path(folder))
    REFERENCE.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
