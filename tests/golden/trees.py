"""Source trees of archbuilder, old and new, used through the command line alone."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

CURRENT = Path(__file__).resolve().parents[2]
"""The tree that this file belongs to."""

BASE = "db9eddf"
"""The commit that results are compared with. Default of --base."""

ENGINES = ("tensorflow", "jax")

# One thread, so that sums have one order; the same instructions for both trees come for free.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "CUDA_VISIBLE_DEVICES": "",
    "JAX_PLATFORMS": "cpu",
}


class CommandError(Exception):
    """A command of a tree that failed, with the end of its output."""


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """Check out `commit` into a temporary folder, which is removed at the end.

    From here on SIGTERM raises SystemExit, so that it is removed then, too.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with TemporaryDirectory(prefix="archbuilder-base-") as folder:
        tree = Path(folder).resolve() / "tree"
        _git("worktree", "add", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def environment(tree: Path, cache: Path, engine: str | None = None) -> dict[str, str]:
    """Return the environment variables for running `tree` on one thread.

    Args:
        tree: The source tree, which takes precedence over an installed archbuilder.
        cache: The folder for tokenizers and token ids.
        engine: The Keras backend. Default: the one that the spec names.
    """
    variables = os.environ | ONE_THREAD
    variables |= {"PYTHONPATH": str(tree), "ARCHBUILDER_CACHE": str(cache)}
    variables.pop("KERAS_BACKEND", None)
    return variables | ({"KERAS_BACKEND": engine} if engine else {})


def run_commands(
    commands: Sequence[Sequence[str]], tree: Path, variables: dict[str, str], folder: Path
) -> None:
    """Run commands of `tree` one after the other in one process, within `folder`.

    Raises:
        CommandError: A command failed.
    """
    done = subprocess.run(
        [sys.executable, "-P", str(Path(__file__).with_name("run_commands.py")), str(tree)],
        input=json.dumps([list(map(str, command)) for command in commands]),
        env=variables,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    last_line = done.stdout.strip().rpartition("\n")[2]
    if done.returncode != 0 or any(json.loads(last_line)):
        raise CommandError(f"{tree}: exit statuses {last_line}\n{done.stdout[-3000:]}")


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(CURRENT), *arguments], check=True, capture_output=True)
