"""A directory that the `transformers` library loads with `from_pretrained`."""

from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import override

from archbuilder.exchange.formats.format import Format
from archbuilder.experiment import load
from archbuilder.runs.run_folder import RunFolder


class HuggingFace(Format):
    """A folder with configuration, weights and tokenizer.

    The `transformers` library requires torch. Therefore the folder is imported again, and the
    weights are compared instead of the outputs.
    """

    # The conversion is imported where it is used, because the command line imports all formats for
    # its help.

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
