"""Comparison of an artifact's outputs with the model's, in a process without archbuilder."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from archbuilder.stopping import OperationFailedError
from archbuilder.text.batch import PADDING_MASKS

SHAPES = ((1, 5), (7, 5), (1, 9), (7, 9))
"""Shapes [B, T] of the batches that outputs are compared on."""

Batch = dict[str, np.ndarray]
"""Arrays, int32 [B, T], by the names of a model's inputs."""

# The source of a reader is inserted between these two parts. It loads the artifact `path` and
# defines `run`, which maps a batch to a dictionary of outputs.
_BEFORE_READER = """
import sys
import numpy as np
sys.modules["archbuilder"] = None
path, inputs, outputs = sys.argv[1:]
arrays = np.load(inputs)
batches = {}
for key in arrays.files:
    number, name = key.split("|")
    batches.setdefault(number, {})[name] = arrays[key]
"""
_AFTER_READER = """
results = {f"{n}|{k}": np.asarray(v) for n, b in batches.items() for k, v in run(b).items()}
np.savez(outputs, **results)
"""


class ExportError(OperationFailedError):
    """An artifact cannot be loaded or differs from the model; it is deleted."""


def largest_difference(model: Any, path: Path, reader: str) -> float:
    """Return the largest absolute difference between the outputs of an artifact and a model.

    Args:
        model: The Keras model.
        path: The artifact written from it.
        reader: Python source that loads the artifact `path` and defines `run`, which maps a batch
            to a dictionary of outputs.

    Returns:
        The maximum over all batches of `SHAPES`; NaN if a difference is NaN.

    Raises:
        ExportError: The artifact cannot be loaded or has other outputs.
    """
    import keras

    batches = [_example_batch(model, *shape, seed) for seed, shape in enumerate(SHAPES)]
    outputs = run_reader(path, reader, batches)
    with keras.device("cpu"):
        expected = {
            f"{number}|{name}": np.asarray(output)
            for number, batch in enumerate(batches)
            for name, output in model(batch, training=False).items()
        }
    if _shapes(outputs) != _shapes(expected):
        raise ExportError(
            f"{path.name}: export discarded: its output names or shapes differ from the model's"
        )
    return float(np.max([np.abs(array - outputs[key]).max() for key, array in expected.items()]))


def run_reader(path: Path, reader: str, batches: list[Batch]) -> dict[str, np.ndarray]:
    """Return an artifact's outputs, computed in a separate process.

    The process does not use a GPU, because this process may have allocated its memory, and because
    its matrix products are less precise.

    Args:
        path: The artifact.
        reader: Python source, as in `largest_difference`.
        batches: The batches to run.

    Returns:
        The outputs by `number|name`, the number of the batch and the name of the output.

    Raises:
        ExportError: The artifact cannot be loaded.
    """
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder) / "inputs.npz", Path(folder) / "outputs.npz"
        arrays: dict[str, Any] = {
            f"{number}|{name}": array
            for number, batch in enumerate(batches)
            for name, array in batch.items()
        }
        np.savez(inputs, **arrays)
        script = _BEFORE_READER + reader + _AFTER_READER
        process = subprocess.run(
            [sys.executable, "-c", script, str(path.resolve()), str(inputs), str(outputs)],
            cwd=folder,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
            capture_output=True,
        )
        if process.returncode:
            reason = process.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise ExportError(
                f"{path.name}: export discarded: it cannot be loaded: {''.join(reason)}"
            )
        with np.load(outputs) as results:
            return dict(results)


def _shapes(arrays: dict[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}


def _example_batch(model: Any, batch_size: int, length: int, seed: int) -> Batch:
    """Return valid inputs for any model: small ids, and padding at the end of every second row."""
    random = np.random.default_rng(seed)
    batch = {}
    for tensor in model.inputs:
        array = random.integers(0, 2, (batch_size, length))
        if tensor.name in PADDING_MASKS:
            array = np.ones((batch_size, length))
            array[1::2, length // 2 :] = 0
        batch[tensor.name] = array.astype("int32")
    return batch
