"""Export: write a run's model in a format, load it there without archbuilder, compare outputs."""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from archbuilder.mistake import UserMistake
from archbuilder.stopping import TrainingFailed
from archbuilder.training.run_folder import RunFolder

TOLERANCE = 1e-4
"""The largest difference between any two outputs, absolute, that float32 arithmetic explains."""

SHAPES = ((1, 5), (7, 5), (1, 9), (7, 9))
"""Batch sizes and lengths that an exported model is tried with."""


def export(run: RunFolder, format: str, path: Path) -> float:
    """Write `run`'s model to `path`; the largest difference seen when it was loaded again."""
    if format not in FORMATS:
        raise UserMistake(f"no format {format!r}; there are {', '.join(FORMATS)}")
    if format == "keras" and path.suffix != ".keras":
        raise UserMistake(f"{path}: Keras wants a name that ends in .keras")
    if path.exists():
        raise UserMistake(f"{path}: exists already")
    model = run.load_model()
    path.parent.mkdir(parents=True, exist_ok=True)
    write, reader = FORMATS[format]
    write(model, run, path)
    found = largest_difference(model, path, reader)
    if not found <= TOLERANCE:
        raise TrainingFailed(f"{path}: its outputs differ from the model's by {found:g}")
    return found


def _write_keras(model, run: RunFolder, path: Path) -> None:
    model.save(path)
    with zipfile.ZipFile(path, "a") as archive:
        for file in _companions(run):
            archive.write(file, file.relative_to(run.path).as_posix())


def _write_saved_model(model, run: RunFolder, path: Path) -> None:
    model.export(path, format="tf_saved_model", verbose=False)
    for file in _companions(run):
        target = path / "assets.extra" / file.relative_to(run.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def _companions(run: RunFolder) -> list[Path]:
    """What goes with a model: its spec and its tokenizer."""
    folders = (run.tokenizer, run.target_tokenizer)
    return [run.spec, *(file for one in folders if one.exists() for file in sorted(one.iterdir()))]


# What reads an artifact runs in a process of its own in which archbuilder cannot be imported.
_BEGIN = """
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
_END = """
found = {f"{n}|{k}": np.asarray(v) for n, b in batches.items() for k, v in run(b).items()}
np.savez(outputs, **found)
"""
_READ_KERAS = """
import keras
model = keras.saving.load_model(path)
run = lambda batch: model(batch, training=False)
"""
_READ_SAVED_MODEL = """
import tensorflow as tf
model = tf.saved_model.load(path)
run = lambda batch: model.serve({k: tf.constant(v) for k, v in batch.items()})
"""


def largest_difference(model, path: Path, reader: str) -> float:
    """The largest absolute difference of any output, over all of `SHAPES`."""
    batches = [_example(model, *shape, seed) for seed, shape in enumerate(SHAPES)]
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder) / "inputs.npz", Path(folder) / "outputs.npz"
        np.savez(inputs, **{f"{n}|{k}": v for n, b in enumerate(batches) for k, v in b.items()})
        script = [sys.executable, "-c", _BEGIN + reader + _END, str(path.resolve())]
        quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(
            [*script, str(inputs), str(outputs)], cwd=folder, env=quiet, capture_output=True
        )
        if done.returncode:
            reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise TrainingFailed(f"{path}: cannot be loaded again: {''.join(reason)}")
        with np.load(outputs) as found:
            return max(
                float(np.abs(np.asarray(expected) - found[f"{number}|{name}"]).max())
                for number, batch in enumerate(batches)
                for name, expected in model(batch, training=False).items()
            )


def _example(model, rows: int, length: int, seed: int) -> dict:
    """Inputs that any model takes: small ids, and padding at the end of every second row."""
    random = np.random.default_rng(seed)
    batch = {}
    for tensor in model.inputs:
        array = random.integers(0, 2, (rows, length))
        if tensor.name.endswith("padding_mask"):
            array = np.ones((rows, length))
            array[1::2, length // 2 :] = 0
        batch[tensor.name] = array.astype("int32")
    return batch


FORMATS = {
    "keras": (_write_keras, _READ_KERAS),
    "saved_model": (_write_saved_model, _READ_SAVED_MODEL),
}
