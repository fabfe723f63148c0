"""Losses of single and combined objectives decrease on generated text."""

import json
from random import Random

import pytest

from archbuilder.experiment import load
from archbuilder.objectives import loss_weights
from tests import small_run

OBJECTIVES = [
    ["masked_lm", "next_sentence"],
    ["masked_lm", "sentence_order"],
    ["replaced_token_detection"],
    ["span_corruption"],
    ["denoising"],
]
SETTINGS = {"replaced_token_detection": {"generator_size": 0.5}}
SLOW = {"next_sentence"}
"""Objectives that take minutes to learn, as in the quickstart."""
ORDINALS = "first second third fourth fifth sixth seventh eighth".split()


def write(path, count, seed):
    """Write documents of numbered sentences about one noun, which all objectives can learn."""
    rng = Random(seed)
    documents = []
    for _ in range(count):
        noun = rng.choice(small_run.NOUNS)
        verbs = [rng.choice(small_run.VERBS) for _ in ORDINALS]
        documents.append(
            "\n".join(
                f"{ordinal} {noun} {verb} {noun} ."
                for ordinal, verb in zip(ORDINALS, verbs, strict=True)
            )
        )
    path.write_text("\n\n".join(documents) + "\n", encoding="utf-8")


def load_experiment(names, folder):
    decoder = names in (["span_corruption"], ["denoising"])
    steps = 350 if "sentence_order" in names else 60
    settings = {"steps": steps, "evaluate_every": steps, "checkpoint_every": steps}
    peak, warmup = (0.005, 50) if "sentence_order" in names else (0.01, 10)
    settings["learning_rate"] = {"type": "linear", "peak": peak, "warmup_steps": warmup}
    settings["batch"] = {"examples": 64}
    spec = (small_run.denoiser if decoder else small_run.bert)(folder, **settings)
    write(folder / "documents.txt", count=200, seed=0)
    write(folder / "held_out.txt", count=20, seed=1)
    if not {"next_sentence", "sentence_order"} & set(names):
        spec["model"].pop("pooler", None)
    stack = spec["model"]["encoder"]
    stack["dropout"] = stack["attention"]["dropout"] = 0.0
    spec["model"]["embeddings"]["dropout"] = 0.0
    spec["model"] |= {"hidden_dim": 32, "initializer": {"type": "truncated_normal", "stddev": 0.1}}
    spec["objectives"] = {name: SETTINGS.get(name, {}) for name in names}
    return load(small_run.write(spec, folder / "spec.yaml"))


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(names, id="+".join(names), marks=() if number == 0 else pytest.mark.slow)
        for number, names in enumerate(OBJECTIVES)
    ],
)
def test_losses_decrease_on_held_out_text_and_are_added(names, tmp_path):
    experiment = load_experiment(names, tmp_path)
    last = experiment.train(tmp_path / "run")
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    first = json.loads(lines[0])
    weights = loss_weights(experiment.objectives, 1, 1)
    for name in weights.keys() - SLOW:
        assert last[f"validation_{name}_loss"] < 0.9 * first[f"{name}_loss"], name
    total = sum(weight * last[f"validation_{name}_loss"] for name, weight in weights.items())
    assert last["validation_loss"] == pytest.approx(total)
