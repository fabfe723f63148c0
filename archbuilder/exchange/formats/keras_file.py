"""Export as a Keras model file that also contains the spec and the tokenizer."""

import zipfile
from pathlib import Path
from typing import Any

from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.exchange.comparison import largest_difference
from archbuilder.exchange.formats.format import Format, companion_files
from archbuilder.runs.run_folder import RunFolder

# Source for `largest_difference`.
_READER = """
import keras
model = keras.saving.load_model(path)
run = lambda batch: model(batch, training=False)
"""


class KerasFile(Format):
    """A `.keras` file, which `keras.saving.load_model` loads without archbuilder."""

    name = "keras"

    @override
    def check_path(self, path: Path) -> None:
        if path.suffix != ".keras":
            raise UserError(f"{path}: the name of a Keras model file must end in .keras")

    @override
    def write(self, model: Any, run: RunFolder, path: Path) -> str:
        model.save(path)
        with zipfile.ZipFile(path, "a") as archive:
            for file in companion_files(run):
                archive.write(file, file.relative_to(run.path).as_posix())
        return ""

    @override
    def compare(self, model: Any, path: Path) -> float:
        return largest_difference(model, path, _READER)


FORMAT = KerasFile()
