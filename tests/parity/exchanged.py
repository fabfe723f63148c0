"""Folders of `transformers` in and out again; `python -m tests.parity.exchanged` prints the table.

It needs `transformers`, as `make parity` installs it.
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
"""Other heads than those of the catalogue, or other ties, on the same bodies."""
CASES = {member.spec: (member.model, member.config) for member in CATALOGUE} | HEADS


def exchanged(name: str, folder: Path) -> tuple[float, float]:
    """The largest difference of any output from the oracle's, of its folder imported as a run,
    and of the oracle reading the folder that the run is exported to.
    """
    import transformers

    from tests.parity import oracle

    kind, config = CASES[name]
    model = oracle.random_model(kind, 0, vocab_size=VOCABULARY, **config)
    model.save_pretrained(folder / "theirs")
    (told,) = import_folder(folder / "theirs", folder / "run").not_imported
    assert "no tokenizer" in told
    run = RunFolder(folder / "run")
    experiment = load(run.spec)
    there = largest_difference(experiment, load_graph(experiment, run).model, model)

    assert export(run, "hugging_face", folder / "ours") == 0
    again, found = getattr(transformers, kind).from_pretrained(
        folder / "ours", output_loading_info=True, attn_implementation="eager"
    )
    assert not found["missing_keys"]
    assert not found["unexpected_keys"]
    return there, largest_difference(experiment, _like_keras(again), model)


def _like_keras(model):
    from tests.parity import oracle

    def call(batch, training):
        found = oracle.outputs(model, batch)
        heads = ("masked_lm", "next_sentence", "causal_lm", "sequence_to_sequence")
        return dict.fromkeys(heads, found.get("logits")) | found

    return call


def main() -> None:
    """Print a line for each case."""
    print("| spec, or class | imported | exported and read there |\n|---|---|---|")
    for name in CASES:
        with tempfile.TemporaryDirectory() as folder:
            there, back = exchanged(name, Path(folder))
        print(f"| `{name}` | {there:.1e} | {back:.1e} |")


if __name__ == "__main__":
    main()
