"""Export as a TensorFlow SavedModel, with the spec and the tokenizer in `assets.extra`."""

import shutil
from pathlib import Path
from typing import Any

from typing_extensions import override

from archbuilder.exchange.comparison import largest_difference
from archbuilder.exchange.formats.format import Format, companion_files
from archbuilder.runs.run_folder import RunFolder

# Source for `largest_difference`.
_READER = """
import tensorflow as tf
model = tf.saved_model.load(path)
run = lambda batch: model.serve({k: tf.constant(v) for k, v in batch.items()})
"""


class SavedModel(Format):
    """A directory that TensorFlow and TensorFlow Serving load without Keras."""

    name = "saved_model"

    @override
    def write(self, model: Any, run: RunFolder, path: Path) -> str:
        model.export(path, format="tf_saved_model", verbose=False)
        for file in companion_files(run):
            target = path / "assets.extra" / file.relative_to(run.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        return ""

    @override
    def compare(self, model: Any, path: Path) -> float:
        return largest_difference(model, path, _READER)


FORMAT = SavedModel()
