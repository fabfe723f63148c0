"""Compare the speed and memory use of this tree with those of a base commit.

    python -m benchmarks.against_base [--base COMMIT] [--rounds N]

Each round runs every workload with both trees in sequence on one processor; the order of the trees
alternates between rounds. The table has the medians over rounds and their ratios.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.workloads import Prepare, Sizes, Train, Validate, Workload, write_inputs
from tests.golden.trees import BASE, CURRENT, ENGINES, checkout

Samples = dict[tuple[str, str], list[float]]
"""Measurements of all rounds, by workload and measure."""

HIGHER_IS_BETTER = {"tokens/s", "MB/s"}


def workloads(folder: Path, base: Path, sizes: Sizes) -> list[Workload]:
    """Return all workloads, with inputs in `folder`; both trees validate the specs of the base."""
    return [
        *(
            Train(f"train {spec}, {engine}", folder, f"{spec}.yaml", engine, sizes)
            for spec in ("bert", "transformer")
            for engine in ENGINES
        ),
        Validate("validate", base / "specs"),
        Prepare("prepare documents", folder, "prepare.yaml", sizes),
        Prepare("prepare parallel", folder, "prepare_parallel.yaml", sizes),
    ]


def measure(trees: Sequence[Path], workloads: Sequence[Workload], rounds: int) -> list[Samples]:
    """Run the workloads `rounds` times with each tree; return the measurements of each tree."""
    samples: list[Samples] = [defaultdict(list) for _ in trees]
    for number in range(rounds):
        order = range(len(trees))[:: -1 if number % 2 else 1]
        pairs = [(workload, tree) for workload in workloads for tree in order]
        for workload, tree in pairs:
            with TemporaryDirectory(prefix="archbuilder-benchmark-") as scratch:
                numbers = workload.measure(trees[tree], Path(scratch))
            for name, value in numbers.items():
                samples[tree][workload.name, name].append(value)
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    return samples


def table(base: Samples, current: Samples) -> str:
    """Return a Markdown table of medians and their ratios."""
    lines = [
        "| workload | measure | better | base | current | current / base |",
        "|---|---|---|---:|---:|---:|",
    ]
    for (workload, name), values in base.items():
        before, after = median(values), median(current[workload, name])
        better = "higher" if name in HIGHER_IS_BETTER else "lower"
        numbers = f"{before:,.4g} | {after:,.4g} | {after / before:.3f}"
        lines.append(f"| {workload} | {name} | {better} | {numbers} |")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.against_base", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--base", default=BASE, help="commit to compare with (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="%(default)s")
    parser.add_argument("--steps", type=int, default=60, help="training steps (%(default)s)")
    parser.add_argument(
        "--megabytes", type=float, default=20, help="text for prepare (%(default)s)"
    )
    parser.add_argument("--only", default="", help="run workloads whose names contain this")
    return parser.parse_args()


def main() -> None:
    """Run the benchmark and print the table."""
    options = arguments()
    sizes = Sizes(options.steps, options.megabytes)
    with checkout(options.base) as base, TemporaryDirectory() as name:
        inputs = Path(name) / "inputs"
        write_inputs(inputs, sizes)
        selected = [
            workload for workload in workloads(inputs, base, sizes) if options.only in workload.name
        ]
        print(table(*measure((base, CURRENT), selected, options.rounds)))


if __name__ == "__main__":
    main()
