"""Trains a small model on one device and on several, straight and stopped half way, and compares.

    python -m tests.training.devices [FOLDER]

Prints a table: for each way to spread a run, the largest relative difference of its 20 losses from
those of one device, the same for a run that was stopped and went on, and whether all are close.
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
CLOSE = 1e-4
ROOT = Path(__file__).parents[2]
WAYS = [
    ("tensorflow", "mirrored over two", {"type": "mirrored", "devices": 2}, 1),
    ("jax", "data-parallel over four", {"type": "data_parallel", "devices": 4}, 1),
    ("jax", "2 x 2 model-parallel", {"type": "model_parallel", "devices": 4, "shards": 2}, 1),
    ("jax", "two processes", {"type": "data_parallel"}, 2),
    ("jax", "two processes, 2 x 2", {"type": "model_parallel", "devices": 2, "shards": 2}, 2),
]


def main(folder: Path) -> bool:
    """Whether every way gives what one device gives."""
    width = max(len(name) for _, name, _, _ in WAYS)
    print(f"{'engine':11} {'devices':{width}} {'straight':>9} {'resumed':>9}")
    good, straight = True, {}
    for engine in ("tensorflow", "jax"):
        straight[engine] = run(folder, engine, None, 1, stop=False)
    for engine, name, distribution, processes in WAYS:
        differences = [
            difference(straight[engine], run(folder, engine, distribution, processes, stop))
            for stop in (False, True)
        ]
        good &= max(differences) <= CLOSE
        told = " ".join(f"{one:9.1e}" for one in differences)
        print(f"{engine:11} {name:{width}} {told}", flush=True)
    print("all are close" if good else "NOT ALL ARE CLOSE")
    return good


def run(folder: Path, engine: str, distribution, processes: int, stop: bool) -> dict:
    """The loss of each step; `stop`: it is asked to stop half way, and goes on."""
    run_folder = Path(tempfile.mkdtemp(dir=folder)) / "run"
    training = {"backend": engine} | ({"distribution": distribution} if distribution else {})
    spec = small_run.write(plain(folder, training), run_folder.with_name("spec.yaml"))
    if stop:
        begun = start(spec, run_folder, processes)
        while len(losses(run_folder)) < STEPS // 2 and begun[-1].poll() is None:
            sleep(0.01)
        begun[-1].send_signal(signal.SIGTERM)  # Of several, one alone hears of it.
        codes = wait(begun)
        if codes != [130] * processes:
            raise SystemExit(f"{run_folder}: stopping gave the exit codes {codes}")
    codes = wait(start(spec, run_folder, processes))
    if any(codes):
        raise SystemExit(f"{run_folder}: the exit codes are {codes}; see {run_folder}*.log")
    return losses(run_folder)


def plain(folder: Path, training: dict) -> dict:
    """A small Transformer; without dropout, which mirrored devices draw each for itself."""
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
    """The processes of a run, which write their logs beside its folder."""
    command = [sys.executable, "-m", "archbuilder", "train", str(spec), "--run", str(run_folder)]
    if processes > 1:
        command += ["--coordinator", f"127.0.0.1:{_free_port()}", "--processes", str(processes)]
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    environment["PYTHONPATH"] = str(ROOT)
    begun = []
    for number in range(processes):
        which = ["--process", str(number)] if processes > 1 else []
        with open(f"{run_folder}.{number}.log", "a") as log:
            begun.append(subprocess.Popen(command + which, stdout=log, stderr=log, env=environment))
    return begun


def wait(begun: list[subprocess.Popen], seconds: float = 300) -> list[int]:
    """Their exit codes."""
    until = monotonic() + seconds
    return [one.wait(max(until - monotonic(), 1)) for one in begun]


def losses(run_folder: Path) -> dict[int, float]:
    """The loss by step, as the run wrote it."""
    metrics = run_folder / "metrics.jsonl"
    if not metrics.exists():
        return {}
    lines = metrics.read_text().split("\n")[:-1]
    records = [json.loads(line) for line in lines]
    return {record["step"]: record["loss"] for record in records if "loss" in record}


def difference(first: dict, second: dict) -> float:
    """The largest relative difference of the losses of the same steps."""
    if len(first) != STEPS or first.keys() != second.keys():
        return float("inf")
    return max(abs(second[step] - loss) / abs(loss) for step, loss in first.items())


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


if __name__ == "__main__":
    where = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
    sys.exit(0 if main(Path(where)) else 1)
