"""Export: write a run's model in a format, load it there without archbuilder, compare outputs."""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from archbuilder.errors import UserError
from archbuilder.exchange.artifact import put, workplace
from archbuilder.exchange.hugging_face.reading import read_folder
from archbuilder.exchange.hugging_face.spec import config_of
from archbuilder.exchange.hugging_face.writing import write_folder
from archbuilder.experiment import load
from archbuilder.inference.load_model import trained
from archbuilder.runs.run_folder import RunFolder
from archbuilder.stopping import WorkFailed

TOLERANCE = 1e-4
"""The largest difference between any two outputs, absolute, that float32 arithmetic explains."""

SHAPES = ((1, 5), (7, 5), (1, 9), (7, 9))
"""Batch sizes and lengths that an exported model is tried with."""


class ExportFailed(WorkFailed):
    """An artifact could not be loaded again, or is not the model; it was not kept."""


def export(
    run: RunFolder, format: str, path: Path, tell: Callable[[str], object] = lambda line: None
) -> float:
    """Write `run`'s model, in float32, to `path`; the largest difference when loaded again.

    `tell` is called with what had to be left out.
    The artifact gets its name when it was compared; before, and on failure, nothing stands there.
    """
    check(run, format, path)
    write, compare = FORMATS[format]
    with workplace(path) as folder:
        model = trained(load(run.spec_path()), run).model
        made = folder / path.name
        told = write(model, run, made)
        found = compare(model, made)
        if not found <= TOLERANCE:
            raise ExportFailed(
                f"{path}: not kept: its outputs differ from the model's by {found:g}"
            )
        put(made, path)
    if told:
        tell(told)
    return found


def check(run: RunFolder, format: str, path: Path) -> None:
    """What is wrong with the wish, without loading a model."""
    if format not in FORMATS:
        raise UserError(f"no format {format!r}; there are {', '.join(FORMATS)}")
    if format == "keras" and path.suffix != ".keras":
        raise UserError(f"{path}: Keras wants a name that ends in .keras")
    if os.path.lexists(path):
        raise UserError(f"{path}: exists already")
    spec = run.spec_path()
    if not run.model.exists():
        raise UserError(f"{run.path}: has no model.keras yet; train it first")
    if format == "hugging_face":
        config_of(load(spec))  # Whether there is one.
    with workplace(path):
        pass


def _write_keras(model, run: RunFolder, path: Path) -> str:
    model.save(path)
    with zipfile.ZipFile(path, "a") as archive:
        for file in _companions(run):
            archive.write(file, file.relative_to(run.path).as_posix())
    return ""


def _write_saved_model(model, run: RunFolder, path: Path) -> str:
    model.export(path, format="tf_saved_model", verbose=False)
    for file in _companions(run):
        target = path / "assets.extra" / file.relative_to(run.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return ""


def _write_hugging_face(model, run: RunFolder, path: Path) -> str:
    ours = {weight.path: np.asarray(weight) for weight in model.weights}
    vocabularies = run.vocabularies() if run.tokenizer.exists() else None
    return write_folder(path, load(run.spec_path()), ours, vocabularies)


def _companions(run: RunFolder) -> list[Path]:
    """What goes with a model: its spec and its tokenizer."""
    folders = [one for one in (run.tokenizer, run.target_tokenizer) if one.exists()]
    return [run.spec, *(file for one in folders for file in sorted(one.iterdir()))]


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
    """The largest absolute difference of any output, over all of `SHAPES`; NaN if there is one."""
    import keras

    batches = [_example(model, *shape, seed) for seed, shape in enumerate(SHAPES)]
    found = _read_again(path, reader, batches)
    with keras.device("cpu"):
        wanted = {
            f"{number}|{name}": np.asarray(output)
            for number, batch in enumerate(batches)
            for name, output in model(batch, training=False).items()
        }
    if {key: one.shape for key, one in wanted.items()} != {
        k: one.shape for k, one in found.items()
    }:
        raise ExportFailed(f"{path.name}: not kept: its outputs are not the model's")
    return float(np.max([np.abs(one - found[key]).max() for key, one in wanted.items()]))


def _difference_of_weights(model, path: Path) -> float:
    """The largest absolute difference of any weight of a folder, read as one is imported."""
    found = read_folder(path, "again").weights
    wanted = {weight.path: np.asarray(weight) for weight in model.weights}
    # A bias of zeros may be taken for none.
    return float(max(np.abs(array - found.get(key, 0)).max() for key, array in wanted.items()))


def _read_again(path: Path, reader: str, batches: list[dict]) -> dict[str, np.ndarray]:
    """What the artifact gives for the batches, in a process of its own.

    It runs without a GPU, whose memory this process may hold and whose products are rounded.
    """
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder) / "inputs.npz", Path(folder) / "outputs.npz"
        np.savez(inputs, **{f"{n}|{k}": v for n, b in enumerate(batches) for k, v in b.items()})
        script = [sys.executable, "-c", _BEGIN + reader + _END, str(path.resolve())]
        alone = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        done = subprocess.run(
            [*script, str(inputs), str(outputs)], cwd=folder, env=alone, capture_output=True
        )
        if done.returncode:
            reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise ExportFailed(f"{path.name}: not kept: cannot be loaded again: {''.join(reason)}")
        with np.load(outputs) as found:
            return dict(found)


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


class Format(NamedTuple):
    """How a model is written, with a sentence on what is left out, and compared with it."""

    write: Callable[..., str]
    compare: Callable[..., float]


FORMATS = {
    "keras": Format(_write_keras, partial(largest_difference, reader=_READ_KERAS)),
    "saved_model": Format(
        _write_saved_model, partial(largest_difference, reader=_READ_SAVED_MODEL)
    ),
    "hugging_face": Format(_write_hugging_face, _difference_of_weights),
}
