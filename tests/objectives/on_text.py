"""Train objectives on a text: `python -m tests.objectives.on_text DOCUMENTS [STEPS]`.

Each objective, and two pairs of them, train a small model. The table has the loss at the first
step, and loss and accuracy on held-out documents.
"""

import json
import random
import sys
import tempfile
from pathlib import Path

from archbuilder.experiment import load
from tests import small_run

OBJECTIVES = [
    ["masked_lm"],
    ["masked_lm", "next_sentence"],
    ["masked_lm", "sentence_order"],
    ["replaced_token_detection"],
    ["causal_lm"],
    ["span_corruption"],
    ["denoising"],
]
PAIRS = {"next_sentence", "sentence_order"}


def spec_of(names: list[str], text: Path, held_out: Path, folder: Path, steps: int) -> dict:
    """Return the spec of a model of width 128 with two layers per stack."""
    create_specs = {"span_corruption": small_run.denoiser, "denoising": small_run.denoiser}
    create_specs["causal_lm"] = small_run.gpt
    spec = create_specs.get(names[0], small_run.bert)(
        folder,
        steps=steps,
        batch={"tokens": 4096},
        evaluate_every=steps,
        checkpoint_every=steps,
        log_every=max(steps // 20, 1),
        learning_rate={"type": "linear", "peak": 0.002, "warmup_steps": steps // 10},
    )
    if not PAIRS & set(names):
        spec["model"].pop("pooler", None)
    for side in {"encoder", "decoder"} & set(spec["model"]):
        stack = json.loads(json.dumps(spec["model"][side]))
        stack["num_layers"] = 2
        stack["attention"] |= {"num_heads": 4, "dropout": 0.0}
        stack["feed_forward"] |= {"intermediate_dim": 512, "activation": "gelu"}
        spec["model"][side] = stack | {"dropout": 0.0}
    spec["model"] |= {
        "hidden_dim": 128,
        "vocabulary_size": 4000,
        "positions": {"type": "learned", "max_sequence_length": 128},
        "initializer": {"type": "truncated_normal", "stddev": 0.05},
    }
    spec["data"]["train"] = {"type": "documents", "files": [str(text)]}
    spec["data"]["validation"] = {"type": "documents", "files": [str(held_out)]}
    spec["data"]["sequence_length"] = 128
    spec["tokenizer"] = {"type": "wordpiece", "sentinels": 30}
    spec["objectives"] = {name: {} for name in names}
    return spec


def split(path: Path, folder: Path) -> tuple[Path, Path]:
    """Write 95% of the documents for training and a random 5% for validation; return both files."""
    documents = path.read_text(encoding="utf-8").strip().split("\n\n")
    random.Random(0).shuffle(documents)
    count = len(documents) // 20
    files = folder / "train.txt", folder / "held_out.txt"
    for file, members in zip(files, (documents[count:], documents[:count]), strict=True):
        file.write_text("\n\n".join(members) + "\n", encoding="utf-8")
    return files


def main(path: str, steps: str = "1000") -> None:
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        text, held_out = split(Path(path), folder)
        for names in OBJECTIVES:
            subfolder = folder / "-".join(names)
            subfolder.mkdir()
            spec = spec_of(names, text, held_out, subfolder, int(steps))
            load(small_run.write(spec, subfolder / "spec.yaml")).train(subfolder / "run")
            lines = (subfolder / "run" / "metrics.jsonl").read_text().splitlines()
            first, last = json.loads(lines[0]), json.loads(lines[-1])
            for name in names:
                rows.append(
                    f"{' + '.join(names):32}{name:26}{first[f'{name}_loss']:8.3f}"
                    f"{last[f'validation_{name}_loss']:10.3f}"
                    f"{last[f'validation_{name}_accuracy']:10.3f}"
                )
    print(f"{'objectives':32}{'objective':26}{'first':>8}{'held out':>10}{'accuracy':>10}")
    print("\n".join(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
