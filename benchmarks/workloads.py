"""Workloads that are measured: training, validation of specs, and preparation of text."""

import json
import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from typing_extensions import override

from benchmarks.process import MEBIBYTE, Usage, run
from tests.golden.generated_text import write_documents, write_parallel
from tests.golden.trees import backend_setting

SPECS = Path(__file__).with_name("specs")
MEGABYTE = 10**6
NUM_WORDS = 20_000
BYTES_PER_PAIR = 134
"""Mean size of two parallel lines of up to 20 words."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of the workloads."""

    steps: int
    """Number of training steps; metrics of the first third are not used."""
    megabytes: float
    """Size of the text for `prepare`."""


@dataclass(frozen=True)
class Workload(ABC):
    """A command that is run once for each tree and round."""

    name: str
    folder: Path
    """Folder that `write_inputs` wrote."""

    @abstractmethod
    def measure(self, tree: Path, scratch: Path) -> dict[str, float]:
        """Run the command with `tree` in the empty folder `scratch`, and return measurements."""


@dataclass(frozen=True)
class Train(Workload):
    """`archbuild train` with text that is prepared before the measurement."""

    spec: str
    engine: str
    sizes: Sizes

    @override
    def measure(self, tree: Path, scratch: Path) -> dict[str, float]:
        spec, cache, log_every = self.folder / self.spec, scratch / "cache", self.sizes.steps // 12
        run(["prepare", str(spec)], tree, cache, scratch)
        settings = {
            backend_setting(tree): self.engine,
            "training.steps": self.sizes.steps,
            "training.log_every": max(log_every, 1),
        }
        options = [f"--set={key}={value}" for key, value in settings.items()]
        usage = run(
            ["train", str(spec), "--run", "run", *options], tree, cache, scratch, self.engine
        )
        return {"tokens/s": self._tokens_per_second(scratch / "run"), **_resources(usage)}

    def _tokens_per_second(self, run_folder: Path) -> float:
        lines = (run_folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        warm_up = self.sizes.steps // 3
        return median(
            record["tokens_per_second"]
            for record in map(json.loads, lines)
            if record["step"] > warm_up and "tokens_per_second" in record
        )


@dataclass(frozen=True)
class Validate(Workload):
    """`archbuild validate` of all specs in `folder`."""

    @override
    def measure(self, tree: Path, scratch: Path) -> dict[str, float]:
        specs = sorted(map(str, self.folder.glob("*.yaml")))
        return _resources(run(["validate", *specs], tree, scratch / "cache", scratch))


@dataclass(frozen=True)
class Prepare(Workload):
    """`archbuild prepare` with an empty cache."""

    spec: str
    sizes: Sizes

    @override
    def measure(self, tree: Path, scratch: Path) -> dict[str, float]:
        arguments = ["prepare", str(self.folder / self.spec)]
        usage = run(arguments, tree, scratch / "cache", scratch)
        return {"MB/s": self.sizes.megabytes / usage.wall_seconds, **_resources(usage)}


def write_inputs(folder: Path, sizes: Sizes) -> None:
    """Write the specs and their generated text to `folder`."""
    shutil.copytree(SPECS, folder)
    write_documents(folder / "documents.txt", 2 * MEGABYTE, NUM_WORDS)
    write_documents(folder / "large.txt", int(sizes.megabytes * MEGABYTE), NUM_WORDS, seed=1)
    write_parallel(folder / "parallel", 10_000, NUM_WORDS, max_words=20)
    num_lines = int(sizes.megabytes * MEGABYTE / BYTES_PER_PAIR)
    write_parallel(folder / "large", num_lines, NUM_WORDS, seed=2, max_words=20)


def _resources(usage: Usage) -> dict[str, float]:
    return {
        "wall s": usage.wall_seconds,
        "processor s": usage.processor_seconds,
        "peak MiB": usage.peak_bytes / MEBIBYTE,
    }
