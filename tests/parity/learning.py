"""Trains our BERT-mini and `transformers`' on the same batches and shows both curves.

    .venv-oracle/bin/python -m tests.parity.learning DOCUMENTS [STEPS]

DOCUMENTS has a sentence a line and a blank line between documents. Same sizes, tokenizer, batches,
dropout and optimizer settings, and the same weights to begin with; each draws its own dropout.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import torch
import transformers

from archbuilder.batches.training_data import load_training_data
from archbuilder.experiment import Experiment
from archbuilder.objectives import loss_terms, metrics_from_sums
from archbuilder.text.prepare import ProgressListener
from archbuilder.training.engines import open_devices
from archbuilder.training.recipe.parameter_groups import build_optimizer
from tests.parity import bert

EVERY = 25
WEIGHTS = {"masked_lm": 1.0, "next_sentence": 1.0}
SIZES = {"vocabulary_size": 8000, "hidden_dim": 256, "num_layers": 4, "num_heads": 4, "width": 1024}


def main(documents: Path, steps: int) -> None:
    experiment = Experiment.model_validate(spec(documents, steps))
    material, recipe = load_training_data(experiment, ProgressListener()), experiment.training
    model, optimizer = reference()
    ours = engine(experiment, model)
    curves, begun = ([], []), 0
    for step in range(1, steps + 1):
        batch = material.train[step - 1]
        rate = recipe.learning_rate.rate_at(step, steps, SIZES["hidden_dim"])
        found = metrics_from_sums(ours.terms, ours.train([batch], rate, WEIGHTS), WEIGHTS)
        curves[0].append(found["masked_lm_loss"])
        curves[1].append(take_step(model, optimizer, batch, rate, recipe.global_clipnorm))
        if step % EVERY == 0 or step == steps:
            mine, other = (float(np.mean(curve[begun:])) for curve in curves)
            print(
                f"steps {begun + 1:4}-{step:4}  ours {mine:.4f}  theirs {other:.4f}  "
                f"ratio {mine / other:.4f}",
                flush=True,
            )
            begun = step


def spec(documents: Path, steps: int) -> dict:
    """Both objectives on the documents."""
    found = bert.spec(**SIZES)
    found["model"]["positions"]["max_sequence_length"] = 128
    found["tokenizer"] = {"type": "wordpiece"}
    found["data"] = {
        "train": {"type": "documents", "files": [str(documents)]},
        "sequence_length": 128,
    }
    found["training"] = {
        "steps": steps,
        "batch": {"tokens": 4096},
        "optimizer": {"type": "adamw", "weight_decay": 0.01},
        "learning_rate": {"type": "linear", "peak": 5e-4, "warmup_steps": 30},
        "global_clipnorm": 1.0,
    }
    return found


def reference():
    """`BertForPreTraining` as it begins, and its optimizer."""
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=SIZES["vocabulary_size"],
        hidden_size=SIZES["hidden_dim"],
        num_hidden_layers=SIZES["num_layers"],
        num_attention_heads=SIZES["num_heads"],
        intermediate_size=SIZES["width"],
        max_position_embeddings=128,
    )
    model = transformers.BertForPreTraining(config).train()
    plain = [one for name, one in model.named_parameters() if one.ndim == 1]
    decaying = [one for name, one in model.named_parameters() if one.ndim > 1]
    groups = [{"params": decaying, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
    return model, torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.999), eps=1e-6)


def engine(experiment, reference_model):
    """Our engine, with the reference's weights."""
    keras.utils.set_random_seed(0)
    state = {name: tensor.numpy().copy() for name, tensor in reference_model.state_dict().items()}
    model = experiment.build()
    bert.assign(model, bert.ours(state, SIZES["num_layers"]))
    recipe = experiment.training
    optimizer, clip = build_optimizer(recipe, model), recipe.global_clipnorm
    terms = loss_terms(experiment.objectives)
    return open_devices(recipe).engine(model, terms, optimizer, clip, False)


def take_step(model, optimizer, batch, rate, clip) -> float:
    """One step of the reference; its masked-LM loss."""
    target, inputs = batch.targets["masked_lm"], batch.inputs
    labels = np.full(inputs["token_ids"].shape, -100)
    rows, slots = np.nonzero(target.weights)
    labels[rows, inputs["masked_lm_positions"][rows, slots]] = target.ids[rows, slots]
    arrays = inputs | {"next_sentence": batch.targets["next_sentence"].ids}
    ids = {
        name: torch.tensor(arrays[name], dtype=torch.long)
        for name in ("token_ids", "padding_mask", "segment_ids", "next_sentence")
    }
    found = model(ids["token_ids"], ids["padding_mask"], ids["segment_ids"])
    cross_entropy = torch.nn.functional.cross_entropy
    masked = cross_entropy(found.prediction_logits.flatten(0, 1), torch.tensor(labels).flatten())
    following = cross_entropy(found.seq_relationship_logits, ids["next_sentence"])
    optimizer.zero_grad()
    (masked + following).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    return float(masked.detach())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 300)
