"""Losses fall, one alone and two together, on text that the test writes."""

import json
from random import Random

import pytest

from archbuilder.experiment import load
from archbuilder.objectives import loss_weights
from tests import small_run

TOGETHER = [
    ["masked_lm", "next_sentence"],
    ["masked_lm", "sentence_order"],
    ["replaced_token_detection"],
    ["span_corruption"],
    ["denoising"],
]
SETTINGS = {"replaced_token_detection": {"generator_size": 0.5}}
SLOW = {"next_sentence"}
"""What takes minutes to learn, as the quickstart does."""
PLACES = "first second third fourth fifth sixth seventh eighth".split()


def write(path, count, seed):
    """Documents that tell of one thing each, in order, so that all there is to learn can be."""
    draw = Random(seed)
    documents = []
    for _ in range(count):
        noun = draw.choice(small_run.NOUNS)
        verbs = [draw.choice(small_run.VERBS) for _ in PLACES]
        documents.append(
            "\n".join(
                f"{place} {noun} {verb} {noun} ." for place, verb in zip(PLACES, verbs, strict=True)
            )
        )
    path.write_text("\n\n".join(documents) + "\n", encoding="utf-8")


def experiment(names, folder):
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
        for number, names in enumerate(TOGETHER)
    ],
)
def test_losses_fall_on_text_not_seen_and_add_up(names, tmp_path):
    found = experiment(names, tmp_path)
    last = found.train(tmp_path / "run")
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    first = json.loads(lines[0])
    weights = loss_weights(found.objectives, 1, 1)
    for name in weights.keys() - SLOW:
        assert last[f"validation_{name}_loss"] < 0.9 * first[f"{name}_loss"], name
    total = sum(weight * last[f"validation_{name}_loss"] for name, weight in weights.items())
    assert last["validation_loss"] == pytest.approx(total)
