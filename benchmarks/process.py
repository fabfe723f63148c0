"""Measurement of a command of a source tree: wall time, processor time and peak memory."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.golden.trees import CommandError, environment

MEBIBYTE = 2**20


class Usage(NamedTuple):
    """Resources that a finished process used."""

    wall_seconds: float
    processor_seconds: float
    """User and system time of all threads and children."""
    peak_bytes: int
    """Peak resident memory."""


def run(
    arguments: Sequence[str], tree: Path, cache: Path, folder: Path, engine: str | None = None
) -> Usage:
    """Run `python -m archbuilder` of `tree` on one processor, and return the resources it used.

    Args:
        arguments: Arguments of `python -m archbuilder`.
        tree: Source tree.
        cache: Folder for tokenizers and token ids.
        folder: Working directory; the output is written to `output.txt` in it.
        engine: Keras backend. Default: the backend in the spec.

    Raises:
        CommandError: The command failed.
    """
    log = folder / "output.txt"
    start = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "archbuilder", *arguments],
            env=environment(tree, cache, engine),
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_pin,
        )
        try:
            _, status, resources = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    wall_seconds = time.perf_counter() - start
    if process.returncode != 0:
        raise CommandError(f"{tree}: {' '.join(arguments)}\n{log.read_text()[-3000:]}")
    return Usage(
        wall_seconds,
        resources.ru_utime + resources.ru_stime,
        resources.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    )


def _pin() -> None:
    """Bind this process to the last of its processors, if the system supports it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
