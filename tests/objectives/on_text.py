"""What objectives learn from a text: `python -m tests.objectives.on_text DOCUMENTS [STEPS]`.

A small model for each of them, alone or two together; a table of its losses and accuracies on held
out documents beside those of guessing by frequency.
"""

import json
import random
import sys
import tempfile
from pathlib import Path

from archbuilder.experiment import load
from tests import small_run

EACH = [
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
    """A model 128 wide, of two layers a stack."""
    kinds = {"span_corruption": small_run.denoiser, "denoising": small_run.denoiser}
    kinds["causal_lm"] = small_run.gpt
    spec = kinds.get(names[0], small_run.bert)(
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
    """The documents to learn from, and a twentieth of them, drawn, to measure on."""
    documents = path.read_text(encoding="utf-8").strip().split("\n\n")
    random.Random(0).shuffle(documents)
    count = len(documents) // 20
    files = folder / "train.txt", folder / "held_out.txt"
    for file, own in zip(files, (documents[count:], documents[:count]), strict=True):
        file.write_text("\n\n".join(own) + "\n", encoding="utf-8")
    return files


def main(path: str, steps: str = "1000") -> None:
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        text, held_out = split(Path(path), folder)
        for names in EACH:
            own = folder / "-".join(names)
            own.mkdir()
            spec = spec_of(names, text, held_out, own, int(steps))
            load(small_run.write(spec, own / "spec.yaml")).train(own / "run")
            lines = (own / "run" / "metrics.jsonl").read_text().splitlines()
            first, last = json.loads(lines[0]), json.loads(lines[-1])
            for name in names:
                rows.append(
                    f"{' + '.join(names):32}{name:26}{first[f'{name}_loss']:8.3f}"
                    f"{last[f'validation_{name}_loss']:10.3f}"
                    f"{last[f'validation_{name}_accuracy']:10.3f}"
                )
    print(f"{'objectives':32}{'of these':26}{'at first':>8}{'held out':>10}{'accuracy':>10}")
    print("\n".join(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
