"""Worker processes that encode text as token ids in parallel and keep its order."""

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
"""An object that is returned with the result, and a list of lines for each vocabulary."""
Arrays = list[tuple[np.ndarray, np.ndarray]]
"""For each vocabulary, the ids of L lines, int32 [N], and the number of ids per line, int64 [L]."""

MIN_BYTES_FOR_WORKERS = 2**23
"""Minimum size of a text in bytes for which worker processes save time."""
_START = "from archbuilder.text.encoding_workers import run_worker; run_worker({pipe})"


def num_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def encode_jobs(
    jobs: Iterable[Job], vocabularies: Sequence[Vocabulary], processes: int
) -> Iterator[tuple[Any, Arrays]]:
    """Yield (item, encoded arrays) for each job, in order.

    Worker processes import this module instead of the main module, so the main module does not need
    an `if __name__ == "__main__"` guard.

    Args:
        jobs: The jobs.
        vocabularies: The vocabularies, in the order of the lists of lines in a job.
        processes: Number of worker processes. If it is 1, the calling process encodes.

    Raises:
        OperationFailedError: A worker process ended unexpectedly.
    """
    if processes < 2:
        yield from ((item, _encode(vocabularies, lines)) for item, lines in jobs)
        return
    idle_workers: deque[_Worker] = deque()

    def encode_in_worker(lines: list[list[str]]) -> Arrays:
        worker = idle_workers.popleft()
        try:
            return worker.encode(lines)
        finally:
            idle_workers.append(worker)

    with ExitStack() as stack:
        for _ in range(processes):
            idle_workers.append(_Worker(vocabularies))
            stack.callback(idle_workers[-1].stop)
        with ThreadPoolExecutor(processes) as pool:
            pending: deque = deque()
            for item, lines in jobs:
                pending.append((item, pool.submit(encode_in_worker, lines)))
                if len(pending) > 2 * processes:
                    item, arrays = pending.popleft()
                    yield item, arrays.result()
            yield from ((item, arrays.result()) for item, arrays in pending)


class _Worker:
    """A worker process, which imports modules from the same folders as this process."""

    def __init__(self, vocabularies: Sequence[Vocabulary]) -> None:
        import_path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
        # Results use a separate pipe, since imported modules may print to stdout.
        read_end, write_end = os.pipe()
        self._results = open(read_end, "rb")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START.format(pipe=write_end)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=(write_end,),
            env=os.environ | {"RAYON_NUM_THREADS": "1", "PYTHONPATH": import_path},
            start_new_session=True,  # Ctrl-C reaches only this process, which stops the workers.
        )
        os.close(write_end)
        assert self._process.stdin is not None  # It was created by PIPE.
        self._jobs = self._process.stdin
        self._unsent_vocabularies = [(type(v), v.files) for v in vocabularies]

    def encode(self, lines: list[list[str]]) -> Arrays:
        try:
            if self._unsent_vocabularies:
                self._send(self._unsent_vocabularies)
                self._unsent_vocabularies = []
            self._send(lines)
            return pickle.load(self._results)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            raise OperationFailedError(
                "a tokenizer process ended unexpectedly, perhaps because of insufficient memory; "
                "finished work is saved, so run the same command again to resume"
            ) from error

    def _send(self, message: Any) -> None:
        pickle.dump(message, self._jobs, pickle.HIGHEST_PROTOCOL)
        self._jobs.flush()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._jobs, self._results):
            with suppress(BrokenPipeError):
                stream.close()


def run_worker(results_pipe: int) -> None:
    """Encode the jobs from standard input and write the results, until standard input is closed.

    Args:
        results_pipe: The file descriptor of the pipe for the results.
    """
    # The parent process may end at any time, even in the middle of a message.
    with suppress(EOFError, pickle.UnpicklingError):
        jobs = sys.stdin.buffer
        vocabularies = [cls(files) for cls, files in pickle.load(jobs)]
        with suppress(BrokenPipeError), open(results_pipe, "wb") as results:
            while True:
                arrays = _encode(vocabularies, pickle.load(jobs))
                pickle.dump(arrays, results, pickle.HIGHEST_PROTOCOL)
                results.flush()


def _encode(vocabularies: Sequence[Vocabulary], lines: list[list[str]]) -> Arrays:
    pairs = zip(vocabularies, lines, strict=True)
    return [vocabulary.encode_arrays(texts) for vocabulary, texts in pairs]
