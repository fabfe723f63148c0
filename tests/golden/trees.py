"""Source trees of archbuilder, old and new, which are used only through the command line."""

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
"""Source tree that contains this file."""

BASE = "db9eddf"
"""Commit that results are compared with; the default of --base."""

ENGINES = ("tensorflow", "jax")

# One thread, so that sums are computed in the same order.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "CUDA_VISIBLE_DEVICES": "",
    "JAX_PLATFORMS": "cpu",
}


def backend_setting(tree: Path) -> str:
    """Return the dotted name of the field for the Keras backend in the specs of `tree`."""
    return "training.backend" if has_version_2(tree) else "training.engine"


def has_version_2(tree: Path) -> bool:
    """Return whether `tree` has version 2 of the spec language."""
    return (tree / "archbuilder" / "language" / "version_1.py").exists()


class CommandError(Exception):
    """A failed command of a tree, with the end of its output."""


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """Check out `commit` into a temporary folder, which is removed at the end.

    SIGTERM raises SystemExit after this call, so the folder is also removed then.
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
        tree: Source tree, which takes precedence over an installed archbuilder.
        cache: Folder for tokenizers and token ids.
        engine: Keras backend. Default: the backend in the spec.
    """
    variables = os.environ | ONE_THREAD
    variables |= {"PYTHONPATH": str(tree), "ARCHBUILDER_CACHE": str(cache)}
    for name in ("KERAS_BACKEND", "PYTHONDONTWRITEBYTECODE"):
        variables.pop(name, None)
    return variables | ({"KERAS_BACKEND": engine} if engine else {})


def run_commands(
    commands: Sequence[Sequence[str]], tree: Path, variables: dict[str, str], folder: Path
) -> None:
    """Run commands of `tree` in sequence in one process, with the working directory `folder`.

    Raises:
        CommandError: A command failed.
    """
    process = subprocess.run(
        [sys.executable, "-P", str(Path(__file__).with_name("run_commands.py")), str(tree)],
        input=json.dumps([list(map(str, command)) for command in commands]),
        env=variables,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    last_line = process.stdout.strip().rpartition("\n")[2]
    if process.returncode != 0 or any(json.loads(last_line)):
        raise CommandError(f"{tree}: exit statuses {last_line}\n{process.stdout[-3000:]}")


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(CURRENT), *arguments], check=True, capture_output=True)
