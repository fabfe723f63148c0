"""Text turned into ids by several processes, in order, on all cores."""

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np

from archbuilder.stopping import OperationFailedError
from archbuilder.text.vocabulary import Vocabulary

Job = tuple[Any, list[list[str]]]
"""Something to have back, and the lines for each of the vocabularies."""
Arrays = list[tuple[np.ndarray, np.ndarray]]
"""For each of the vocabularies, all ids in a row and how many of them each line has."""

MIN_BYTES_FOR_WORKERS = 2**23
"""Bytes of text for which it pays to begin other processes."""
_START = "from archbuilder.text.encoding_workers import run_worker; run_worker({answers})"


def num_cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def encode_jobs(
    jobs: Iterable[Job], vocabularies: Sequence[Vocabulary], processes: int
) -> Iterator[tuple[Any, Arrays]]:
    """Each job's something with the arrays of its lines, in the order of the jobs.

    With one process the work is done in this one. The others are Python's own, begun afresh: they
    import this module alone, whatever has been imported, or not been guarded, here.
    """
    if processes < 2:
        for item, lines in jobs:
            yield item, _encode(vocabularies, lines)
        return
    free: deque[_Worker] = deque()

    def one(lines: list[list[str]]) -> Arrays:
        worker = free.popleft()
        try:
            return worker.encode(lines)
        finally:
            free.append(worker)

    with ExitStack() as workers:
        for _ in range(processes):
            free.append(_Worker(vocabularies))
            workers.callback(free[-1].end)
        with ThreadPoolExecutor(processes) as pool:
            coming: deque = deque()
            for item, lines in jobs:
                coming.append((item, pool.submit(one, lines)))
                if len(coming) > 2 * processes:
                    item, arrays = coming.popleft()
                    yield item, arrays.result()
            for item, arrays in coming:
                yield item, arrays.result()


class _Worker:
    """A process that encodes; what is to be imported is looked for where this one does."""

    def __init__(self, vocabularies: Sequence[Vocabulary]):
        places = os.pathsep.join(one or os.getcwd() for one in sys.path)
        come, answers = os.pipe()  # Not its standard output: what is printed is no answer.
        self._answers = open(come, "rb")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START.format(answers=answers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=(answers,),
            env=os.environ | {"RAYON_NUM_THREADS": "1", "PYTHONPATH": places},
            start_new_session=True,  # Ctrl-C is for this process, which ends the others.
        )
        os.close(answers)
        assert self._process.stdin is not None  # It is a pipe.
        self._jobs = self._process.stdin
        self._kinds = [(type(one), one.files) for one in vocabularies]

    def encode(self, lines: list[list[str]]) -> Arrays:
        try:
            if self._kinds:
                self._send(self._kinds)
                self._kinds = []
            self._send(lines)
            return pickle.load(self._answers)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            raise OperationFailedError(
                "a process that tokenises has ended, for lack of memory perhaps; "
                "what is done is kept, and the same command goes on from there"
            ) from error

    def _send(self, message: Any) -> None:
        pickle.dump(message, self._jobs, pickle.HIGHEST_PROTOCOL)
        self._jobs.flush()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._jobs, self._answers):
            with suppress(BrokenPipeError):
                stream.close()


def run_worker(answers: int) -> None:
    """What a worker does: encode what comes in, until nothing more does."""
    with suppress(EOFError, pickle.UnpicklingError):  # Whoever asks has ended, perhaps midway.
        come = sys.stdin.buffer
        vocabularies = [cls(files) for cls, files in pickle.load(come)]
        with suppress(BrokenPipeError), open(answers, "wb") as go:
            while True:
                arrays = _encode(vocabularies, pickle.load(come))
                pickle.dump(arrays, go, pickle.HIGHEST_PROTOCOL)
                go.flush()


def _encode(vocabularies: Sequence[Vocabulary], lines: list[list[str]]) -> Arrays:
    pairs = zip(vocabularies, lines, strict=True)
    return [vocabulary.encode_arrays(some) for vocabulary, some in pairs]
