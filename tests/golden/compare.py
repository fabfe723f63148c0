"""Train small specs with a base commit and with this tree, and compare the results bit by bit.

    python -m tests.golden.compare [--base COMMIT] [--engine tensorflow|jax|both] [--only NAME]

The exit status is 1 if a record or a weight differs by more than its tolerance.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.golden.cases import CASES, train, write_specs
from tests.golden.reference import write_reference
from tests.golden.results import Comparison, compare_records, compare_weights, records, weights
from tests.golden.trees import BASE, CURRENT, ENGINES, CommandError, checkout

TOLERANCES: dict[str, tuple[float, str]] = {}
"""Largest allowed difference, at most 1e-6, and its reason, for cases that are not equal."""

MAX_TOLERANCE = 1e-6

ROW = "{:<26}{:<12}{:>8}{:>12}{:>9}{:>12}  {}"


class Result(NamedTuple):
    """The comparison of a case on an engine."""

    case: str
    engine: str
    records: Comparison
    weights: Comparison

    @property
    def verdict(self) -> str:
        """Verdict on the case: equal, within its tolerance, or different."""
        difference = max(self.records.difference, self.weights.difference)
        if difference == 0:
            return "equal"
        tolerance, reason = TOLERANCES.get(self.case, (0.0, ""))
        return f"within {tolerance:g}: {reason}" if difference <= tolerance else "DIFFERENT"

    def row(self) -> str:
        """Return a row of the table."""
        numbers = [
            text
            for comparison in (self.records, self.weights)
            for text in (
                comparison.count,
                f"{comparison.difference:.1e}" if comparison.difference else "0",
            )
        ]
        return ROW.format(self.case, self.engine, *numbers, self.verdict)

    def details(self) -> str:
        """Return the names of the first mismatches, which show where a difference starts."""
        names = [*self.records.mismatches[:3], *self.weights.mismatches[:3]]
        return "".join(f"    {name}\n" for name in names)


def compare(
    base: Path, current: Path, engines: Sequence[str], cases: Sequence[str]
) -> Iterator[Result]:
    """Train the cases with both trees and yield one result per case and engine."""
    with TemporaryDirectory(prefix="archbuilder-golden-") as name:
        folder = Path(name)
        specs = write_specs(folder)
        for engine in engines:
            before = train(base, engine, specs, folder / engine / "base", cases)
            after = train(current, engine, specs, folder / engine / "current", cases)
            for case in cases:
                runs = before[case], after[case]
                yield Result(
                    case,
                    engine,
                    compare_records(*map(records, runs)),
                    compare_weights(*map(weights, runs)),
                )


def report(results: Iterator[Result]) -> bool:
    """Print a table of results; return whether all are equal or within their tolerances."""
    print(ROW.format("case", "engine", "records", "difference", "weights", "difference", ""))
    success = True
    for result in results:
        print(result.row(), flush=True)
        if result.verdict == "DIFFERENT":
            success = False
            print(result.details(), end="", flush=True)
    return success


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="tests.golden.compare", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--base", default=BASE, help="commit to compare with (%(default)s)")
    parser.add_argument("--engine", default="both", choices=[*ENGINES, "both"])
    parser.add_argument("--only", choices=CASES, help="compare this case only")
    parser.add_argument(
        "--self-check",
        action="store_true",
        help="compare the base with itself, to check that results are repeatable",
    )
    parser.add_argument(
        "--write-reference", action="store_true", help="write reference.json from the base instead"
    )
    return parser.parse_args()


def main() -> int:
    """Run the comparison and return the exit status."""
    assert all(0 < tolerance <= MAX_TOLERANCE for tolerance, _ in TOLERANCES.values())
    options = arguments()
    engines = ENGINES if options.engine == "both" else (options.engine,)
    cases = (options.only,) if options.only else CASES
    with checkout(options.base) as base:
        if options.write_reference:
            write_reference(base)
            return 0
        current = base if options.self_check else CURRENT
        try:
            return 0 if report(compare(base, current, engines, cases)) else 1
        except CommandError as error:
            print(error, file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
