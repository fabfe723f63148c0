"""Kills runs at random moments, lets them go on, and compares them with runs that were left alone.

    python -m tests.training.kills [--engine jax] [--times 20] [--kills 5]

Each time, a run of 40 steps is killed (SIGKILL) at five moments, some of them during a save, and
then goes on to its end: the loss of each step, the final weights, the optimizer's and the random
generators' states must be those of the straight run, to the last bit. Runs take turns to be a BERT
and a Transformer.
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
    """Whether every run that was killed ended as the straight one."""
    folder, draw = Path(tempfile.mkdtemp()), random.Random(seed)
    specs = {}
    for kind in (small_run.bert, small_run.transformer):
        name = kind.__name__
        spec = kind(folder, **TRAINING, engine=engine)
        specs[name] = small_run.write(spec, folder / f"{name}.yaml")
        codes = wait(start(specs[name], folder / name, 1))
        if any(codes):
            raise SystemExit(f"{name}: exit codes {codes}; see {folder}")
    same, in_saves = 0, 0
    for time in range(times):
        name = ("bert", "transformer")[time % 2]
        run = folder / f"{name}_{time}"
        for step in sorted(draw.sample(range(1, STEPS - 4), kills)):
            in_saves += kill(specs[name], run, step, draw)
        if any(wait(start(specs[name], run, 1))):
            raise SystemExit(f"{run}: did not go on; see {run}.0.log")
        equal = final(run) == final(folder / name)
        same += equal
        print(f"{engine} {name} {time + 1}: {'the same' if equal else 'DIFFERENT'}", flush=True)
    print(f"{engine}: {same} of {times} the same; {in_saves} of {times * kills} kills in a save")
    return same == times


def kill(spec: Path, run: Path, step: int, draw: random.Random) -> bool:
    """Kill a run soon after a step, in every other case in the next save; whether it was in one."""
    (process,) = start(spec, run, 1)
    in_a_save = draw.random() < 0.5
    while process.poll() is None and max(losses(run), default=0) < step:
        sleep(0.001)
    while in_a_save and process.poll() is None and not saving(run):
        pass
    if not in_a_save:
        sleep(draw.random() * 0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return saving(run)


def saving(run: Path) -> bool:
    """Whether a checkpoint, or a model, is half written."""
    return bool(unfinished(run / "checkpoints") or unfinished(run))


def final(run: Path) -> tuple:
    """All that a run ends with, to compare bit by bit."""
    checkpoint = read_checkpoint(RunFolder(run).checkpoints.folders()[-1])
    state = checkpoint.state
    del state["seconds"]
    for measured in ("data_wait_fraction", "tokens_per_second"):
        del state["last"][measured]
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
