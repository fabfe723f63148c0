"""Compare training on several devices with training on a single device.

    python -m tests.training.devices [FOLDER]

For each distribution, the script trains a small model for 20 steps, uninterrupted and resumed after
a stop at half the steps. It prints the maximum relative difference of the losses from those of a
single device. The exit code is 1 if any difference exceeds 1e-4.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic, sleep

from tests import small_run

STEPS = 20
MAX_DIFFERENCE = 1e-4
ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = [
    ("tensorflow", "2 mirrored", {"type": "mirrored", "devices": 2}, 1),
    ("jax", "4 data-parallel", {"type": "data_parallel", "devices": 4}, 1),
    ("jax", "2 x 2 model-parallel", {"type": "model_parallel", "devices": 4, "shards": 2}, 1),
    ("jax", "2 processes", {"type": "data_parallel"}, 2),
    ("jax", "2 processes, 2 x 2", {"type": "model_parallel", "devices": 2, "shards": 2}, 2),
]


def main(folder: Path) -> bool:
    """Print the table, and return whether all differences are within the tolerance."""
    width = max(len(name) for _, name, _, _ in DISTRIBUTIONS)
    print(f"{'backend':11} {'devices':{width}} {'uninterrupted':>13} {'resumed':>9}")
    passed, expected = True, {}
    for backend in ("tensorflow", "jax"):
        expected[backend] = run(folder, backend, None, 1, stop=False)
    for backend, name, distribution, processes in DISTRIBUTIONS:
        uninterrupted, resumed = (
            difference(expected[backend], run(folder, backend, distribution, processes, stop))
            for stop in (False, True)
        )
        passed &= max(uninterrupted, resumed) <= MAX_DIFFERENCE
        print(f"{backend:11} {name:{width}} {uninterrupted:13.1e} {resumed:9.1e}", flush=True)
    print(f"PASSED: all differences are at most {MAX_DIFFERENCE:g}" if passed else "FAILED")
    return passed


def run(folder: Path, backend: str, distribution, processes: int, stop: bool) -> dict:
    """Train a model, and return the loss of each step.

    If `stop`, the run is stopped at half the steps and resumed.
    """
    run_folder = Path(tempfile.mkdtemp(dir=folder)) / "run"
    training = {"backend": backend} | ({"distribution": distribution} if distribution else {})
    spec = small_run.write(make_spec(folder, training), run_folder.with_name("spec.yaml"))
    if stop:
        started = start(spec, run_folder, processes)
        while len(losses(run_folder)) < STEPS // 2 and started[-1].poll() is None:
            sleep(0.01)
        started[-1].send_signal(signal.SIGTERM)  # Only a single process receives the signal.
        codes = wait(started)
        if codes != [130] * processes:
            raise SystemExit(f"{run_folder}: exit codes after a stop are {codes}, expected 130")
    codes = wait(start(spec, run_folder, processes))
    if any(codes):
        raise SystemExit(f"{run_folder}: exit codes are {codes}; see {run_folder}*.log")
    return losses(run_folder)


def make_spec(folder: Path, training: dict) -> dict:
    """Return the spec of a small Transformer, without dropout on mirrored devices."""
    defaults = {
        "steps": STEPS,
        "batch": {"tokens": 300, "gradient_accumulation_steps": 2, "pad_to_multiple_of": 48},
        "log_every": 1,
        "evaluate_every": 10,
        "checkpoint_every": 5,
    }
    spec = small_run.transformer(folder, **defaults, **training)
    if training["backend"] == "tensorflow":
        spec["model"]["encoder"] |= {"dropout": 0.0}
        spec["model"]["encoder"]["attention"] |= {"dropout": 0.0}
    return spec


def start(spec: Path, run_folder: Path, processes: int) -> list[subprocess.Popen]:
    """Start the processes of a run, which write their logs next to its folder."""
    command = [sys.executable, "-m", "archbuilder", "train", str(spec), "--run", str(run_folder)]
    if processes > 1:
        command += ["--coordinator", f"127.0.0.1:{_free_port()}", "--processes", str(processes)]
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    environment["PYTHONPATH"] = str(ROOT)
    started = []
    for number in range(processes):
        options = ["--process", str(number)] if processes > 1 else []
        with open(f"{run_folder}.{number}.log", "a") as log:
            process = subprocess.Popen(command + options, stdout=log, stderr=log, env=environment)
        started.append(process)
    return started


def wait(started: list[subprocess.Popen], seconds: float = 300) -> list[int]:
    """Wait for processes, and return their exit codes."""
    deadline = monotonic() + seconds
    return [process.wait(max(deadline - monotonic(), 1)) for process in started]


def losses(run_folder: Path) -> dict[int, float]:
    """Return the losses of a run by step, from its metrics."""
    metrics = run_folder / "metrics.jsonl"
    if not metrics.exists():
        return {}
    lines = metrics.read_text().split("\n")[:-1]
    records = [json.loads(line) for line in lines]
    return {record["step"]: record["loss"] for record in records if "loss" in record}


def difference(first: dict, second: dict) -> float:
    """Return the maximum relative difference of the losses; infinity if steps are missing."""
    if len(first) != STEPS or first.keys() != second.keys():
        return float("inf")
    return max(abs(second[step] - loss) / abs(loss) for step, loss in first.items())


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


if __name__ == "__main__":
    output_folder = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
    sys.exit(0 if main(Path(output_folder)) else 1)
