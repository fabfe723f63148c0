"""Export as a directory that the `transformers` library loads with `from_pretrained`."""

from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import override

from archbuilder.exchange.formats.format import Format
from archbuilder.experiment import load
from archbuilder.runs.run_folder import RunFolder


class HuggingFace(Format):
    """A directory with `config.json`, weights and, if supported, a tokenizer.

    Loading it with `transformers` would require torch. Therefore archbuilder imports the directory
    again to verify it, and compares weights instead of outputs.
    """

    # The conversion modules are imported inside the methods, because `archbuild --help` imports all
    # formats and must be fast.

    name = "hugging_face"

    @override
    def check(self, run: RunFolder) -> None:
        from archbuilder.exchange.export_model import config_of

        config_of(load(run.spec_path()))

    @override
    def write(self, model: Any, run: RunFolder, path: Path) -> str:
        from archbuilder.exchange.export_model import write_folder

        weights = {weight.path: np.asarray(weight) for weight in model.weights}
        vocabularies = run.vocabularies() if run.tokenizer.exists() else None
        return write_folder(path, load(run.spec_path()), weights, vocabularies)

    @override
    def compare(self, model: Any, path: Path) -> float:
        from archbuilder.exchange.import_model import read_folder

        weights = read_folder(path, "imported").weights
        expected = {weight.path: np.asarray(weight) for weight in model.weights}
        # An output bias of zeros is not imported.
        differences = [np.abs(array - weights.get(key, 0)).max() for key, array in expected.items()]
        return float(np.max(differences))


FORMAT = HuggingFace()
