"""Import and export of `transformers` folders.

`python -m tests.parity.import_export` prints a table of differences.

It requires `transformers`, which `make parity` installs.
"""

import tempfile
from pathlib import Path

from archbuilder.exchange.export import export
from archbuilder.exchange.import_model import import_folder
from archbuilder.experiment import load
from archbuilder.inference.load_model import load_graph
from archbuilder.runs.run_folder import RunFolder
from tests.parity.catalogue import BERT, CATALOGUE, VOCABULARY
from tests.parity.test_catalogue import largest_difference

CONFIGS = {member.model: member.config for member in CATALOGUE}
HEADS = {
    "BertModel": ("BertModel", BERT),
    "BertForMaskedLM": ("BertForMaskedLM", BERT),
    "BertForNextSentencePrediction": ("BertForNextSentencePrediction", BERT),
    "AlbertForPreTraining": ("AlbertForPreTraining", BERT | {"embedding_size": 16}),
    "ElectraForMaskedLM": ("ElectraForMaskedLM", BERT | {"embedding_size": 16}),
    "GPT2LMHeadModel, untied": (
        "GPT2LMHeadModel",
        CONFIGS["GPT2LMHeadModel"] | {"tie_word_embeddings": False},
    ),
    "LlamaForCausalLM, tied": (
        "LlamaForCausalLM",
        CONFIGS["LlamaForCausalLM"] | {"tie_word_embeddings": True, "attention_bias": True},
    ),
}
"""Models of the catalogue with other heads, or with other tied weights."""
CASES = {member.spec: (member.model, member.config) for member in CATALOGUE} | HEADS


def import_and_export(name: str, folder: Path) -> tuple[float, float]:
    """Return the largest differences between outputs after an import and after an export.

    A random `transformers` model is saved, imported as a run, and exported again. Its outputs are
    compared with those of the run, and with those of the exported `transformers` model.
    """
    import transformers

    from tests.parity import oracle

    class_name, config = CASES[name]
    model = oracle.random_model(class_name, 0, vocab_size=VOCABULARY, **config)
    model.save_pretrained(folder / "original")
    (note,) = import_folder(folder / "original", folder / "run").not_imported
    assert "no tokenizer" in note
    run = RunFolder(folder / "run")
    experiment = load(run.spec)
    imported_difference = largest_difference(experiment, load_graph(experiment, run).model, model)

    assert export(run, "hugging_face", folder / "exported") == 0
    exported, loading_info = getattr(transformers, class_name).from_pretrained(
        folder / "exported", output_loading_info=True, attn_implementation="eager"
    )
    assert not loading_info["missing_keys"]
    assert not loading_info["unexpected_keys"]
    exported_difference = largest_difference(experiment, _as_keras_model(exported), model)
    return imported_difference, exported_difference


def _as_keras_model(model):
    from tests.parity import oracle

    def call(batch, training):
        outputs = oracle.outputs(model, batch)
        heads = ("masked_lm", "next_sentence", "causal_lm", "sequence_to_sequence")
        return dict.fromkeys(heads, outputs.get("logits")) | outputs

    return call


def main() -> None:
    """Print a table with a row for each case."""
    print("| spec or class | difference after import | after export |\n|---|---|---|")
    for name in CASES:
        with tempfile.TemporaryDirectory() as folder:
            imported, exported = import_and_export(name, Path(folder))
        print(f"| `{name}` | {imported:.1e} | {exported:.1e} |")


if __name__ == "__main__":
    main()
