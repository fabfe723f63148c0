"""Specs of small experiments that train in seconds, on generated text."""

import random
from pathlib import Path

import yaml

NOUNS = "list file name value string object module class method error thread socket".split()
VERBS = "returns raises reads writes opens closes holds needs makes takes".split()


def write_documents(path: Path, count: int = 30, seed: int = 0) -> Path:
    """Write documents of six to nine sentences, each about two nouns."""
    rng = random.Random(seed)
    documents = []
    for _ in range(count):
        pair = rng.sample(NOUNS, 2)
        sentences = [
            " ".join(("the", rng.choice(pair), rng.choice(VERBS), "a", rng.choice(pair), "."))
            for _ in range(rng.randint(6, 9))
        ]
        documents.append("\n".join(sentences))
    path.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    return path


def write_parallel(folder: Path, stem: str, count: int = 80, seed: int = 0) -> dict:
    """Write words, and the same words in capitals and reversed; return the corpus of a spec."""
    rng = random.Random(seed)
    lines = [rng.sample(NOUNS, rng.randint(1, 4)) for _ in range(count)]
    source, target = folder / f"{stem}.source", folder / f"{stem}.target"
    source.write_text("".join(" ".join(line) + "\n" for line in lines), encoding="utf-8")
    target.write_text(
        "".join(" ".join(line[::-1]).upper() + "\n" for line in lines), encoding="utf-8"
    )
    return {"type": "parallel", "source": str(source), "target": str(target)}


def bert(folder: Path, **training) -> dict:
    """Return the spec of a BERT with a single layer, trained on documents in `folder`."""
    text = write_documents(folder / "documents.txt")
    held_out = write_documents(folder / "held_out.txt", count=8, seed=1)
    spec = _spec("small_bert", training)
    spec["model"] |= {
        "embeddings": {"tie": "output", "num_segments": 2, "dropout": 0.1},
        "pooler": {"type": "first_token"},
    }
    spec["objectives"] = {"masked_lm": {}, "next_sentence": {}}
    spec["tokenizer"] = {"type": "wordpiece"}
    spec["data"] = {
        "train": {"type": "documents", "files": [str(text)]},
        "validation": {"type": "documents", "files": [str(held_out)]},
        "sequence_length": 24,
    }
    return spec


def gpt(folder: Path, **training) -> dict:
    """Return the spec of a decoder with a single layer, trained on documents in `folder`."""
    spec = bert(folder, **training)
    model = spec["model"]
    del model["pooler"]
    model["decoder"] = model.pop("encoder")
    model["embeddings"] = {"tie": "output"}
    spec["objectives"] = {"causal_lm": {}}
    return spec


def transformer(folder: Path, **training) -> dict:
    """Return the spec of a Transformer with a layer per stack, trained on parallel text."""
    spec = _spec("small_transformer", training)
    spec["model"]["decoder"] = spec["model"]["encoder"]
    spec["objectives"] = {"sequence_to_sequence": {"label_smoothing": 0.1}}
    spec["tokenizer"] = {"type": "characters"}
    spec["data"] = {
        "train": write_parallel(folder, "train"),
        "validation": write_parallel(folder, "validation", count=10, seed=1),
        "sequence_length": 48,
    }
    return spec


def denoiser(folder: Path, **training) -> dict:
    """Return the spec of a Transformer that reconstructs documents; its tokenizer has sentinels."""
    documents = bert(folder)["data"]
    spec = transformer(folder, **training)
    spec["objectives"] = {"span_corruption": {}}
    spec["tokenizer"] = {"type": "wordpiece", "sentinels": 10}
    spec["data"] = documents
    return spec


def write(spec: dict, path: Path) -> Path:
    """Write a spec to a file, and return its path."""
    path.write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    return path


def training() -> dict:
    """Return the recipe of six steps, with logs, evaluations and checkpoints at most of them."""
    return {
        "steps": 6,
        "batch": {"tokens": 400},
        "optimizer": {"type": "adamw", "weight_decay": 0.01},
        "learning_rate": {"type": "linear", "peak": 0.003, "warmup_steps": 2},
        "global_clipnorm": 1.0,
        "log_every": 1,
        "evaluate_every": 3,
        "checkpoint_every": 2,
        "show_predictions": 0,
    }


def in_bfloat16(folder: Path):
    """Train `bert` in bfloat16, restore the dtype policy, and return the run folder."""
    import keras

    from archbuilder.experiment import load
    from archbuilder.runs.run_folder import RunFolder

    policy = keras.config.dtype_policy()
    try:
        spec = write(bert(folder, steps=2, precision="bfloat16"), folder / "spec.yaml")
        load(spec).train(folder / "run")
    finally:
        keras.config.set_dtype_policy(policy)
    return RunFolder(folder / "run")


def _spec(name, changes):
    stack = {
        "num_layers": 1,
        "attention": {"type": "multi_head", "num_heads": 2, "dropout": 0.1},
        "feed_forward": {"type": "mlp", "intermediate_dim": 32, "activation": "relu"},
        "norm": {"type": "layer_norm"},
        "norm_placement": "pre",
        "dropout": 0.1,
    }
    return {
        "name": name,
        "model": {
            "hidden_dim": 16,
            "vocabulary_size": 100,
            "embeddings": {"tie": "all", "scale": True},
            "positions": {"type": "sinusoidal"},
            "encoder": stack,
        },
        "training": training() | changes,
    }
