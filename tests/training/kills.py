"""Kill runs at random moments, resume them, and compare them with uninterrupted runs.

    python -m tests.training.kills [--engine jax] [--times 20] [--kills 5]

Each run of 40 steps is killed (SIGKILL) five times, sometimes while it saves, and then resumed to
its end. The loss of each step, the final weights, the optimizer state and the random generator
state must be identical to those of an uninterrupted run. Runs alternate between a BERT and a
Transformer. The exit code is 1 if any run differs.
"""

import argparse
import random
import signal
import sys
import tempfile
from pathlib import Path
from time import sleep

from archbuilder.files import unfinished
from archbuilder.runs.checkpoint import read_checkpoint
from archbuilder.runs.run_folder import RunFolder
from tests import small_run
from tests.training.devices import losses, start, wait

STEPS = 40
TRAINING = {
    "steps": STEPS,
    "batch": {"tokens": 300, "gradient_accumulation_steps": 2, "pad_to_multiple_of": 48},
    "weight_averaging": {"type": "ema", "momentum": 0.9},
    "log_every": 1,
    "evaluate_every": 8,
    "checkpoint_every": 3,
}


def main(engine: str, times: int, kills: int, seed: int) -> bool:
    """Return whether all runs that were killed are identical to uninterrupted runs.

    Args:
        engine: The Keras backend.
        times: Number of runs.
        kills: Number of kills of each run.
        seed: The seed of the moments of the kills.
    """
    folder, rng = Path(tempfile.mkdtemp()), random.Random(seed)
    specs = {}
    for kind in (small_run.bert, small_run.transformer):
        name = kind.__name__
        spec = kind(folder, **TRAINING, backend=engine)
        specs[name] = small_run.write(spec, folder / f"{name}.yaml")
        codes = wait(start(specs[name], folder / name, 1))
        if any(codes):
            raise SystemExit(f"{name}: exit codes are {codes}; see {folder}")
    num_identical, num_in_saves = 0, 0
    for index in range(times):
        name = ("bert", "transformer")[index % 2]
        run = folder / f"{name}_{index}"
        for step in sorted(rng.sample(range(1, STEPS - 4), kills)):
            num_in_saves += kill(specs[name], run, step, rng)
        if any(wait(start(specs[name], run, 1))):
            raise SystemExit(f"{run}: cannot be resumed; see {run}.0.log")
        is_identical = final_state(run) == final_state(folder / name)
        num_identical += is_identical
        result = "identical" if is_identical else "DIFFERENT"
        print(f"{engine} {name} {index + 1}: {result}", flush=True)
    print(
        f"{engine}: {num_identical} of {times} runs are identical to an uninterrupted run; "
        f"{num_in_saves} of {times * kills} kills were during a save"
    )
    return num_identical == times


def kill(spec: Path, run: Path, step: int, rng: random.Random) -> bool:
    """Kill a run shortly after a step, and return whether it was saving.

    With a probability of one half, the run is killed during the next save.
    """
    (process,) = start(spec, run, 1)
    waits_for_save = rng.random() < 0.5
    while process.poll() is None and max(losses(run), default=0) < step:
        sleep(0.001)
    while waits_for_save and process.poll() is None and not is_saving(run):
        pass
    if not waits_for_save:
        sleep(rng.random() * 0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return is_saving(run)


def is_saving(run: Path) -> bool:
    """Return whether a checkpoint or a model is incomplete."""
    return bool(unfinished(run / "checkpoints") or unfinished(run))


def final_state(run: Path) -> tuple:
    """Return losses, variables and state at the end of a run, to compare bit by bit."""
    checkpoint = read_checkpoint(RunFolder(run).checkpoints.folders()[-1])
    state = checkpoint.state
    del state["seconds"]
    for metric in ("data_wait_fraction", "tokens_per_second"):
        del state["last"][metric]
    return (
        losses(run),
        {name: array.tobytes() for name, array in checkpoint.variables.items()},
        state,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--engine", default="tensorflow", choices=["tensorflow", "jax"])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    sys.exit(0 if main(**vars(parser.parse_args())) else 1)
