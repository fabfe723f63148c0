"""Train BERT-mini with archbuilder and `transformers` on the same batches and print both losses.

    .venv-oracle/bin/python -m tests.parity.learning DOCUMENTS [STEPS]

DOCUMENTS has a sentence per line and a blank line between documents. Sizes, tokenizer, batches,
dropout rates, optimizer settings and initial weights are the same; dropout masks differ.
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

REPORT_EVERY = 25
WEIGHTS = {"masked_lm": 1.0, "next_sentence": 1.0}
SIZES = {"vocabulary_size": 8000, "hidden_dim": 256, "num_layers": 4, "num_heads": 4, "width": 1024}


def main(documents: Path, steps: int) -> None:
    """Train both models and print the mean losses of every 25 steps."""
    experiment = Experiment.model_validate(spec(documents, steps))
    data, recipe = load_training_data(experiment, ProgressListener()), experiment.training
    model, optimizer = reference()
    keras_engine = engine(experiment, model)
    losses, reference_losses, start = [], [], 0
    for step in range(1, steps + 1):
        batch = data.train[step - 1]
        rate = recipe.learning_rate.rate_at(step, steps, SIZES["hidden_dim"])
        sums = keras_engine.train([batch], rate, WEIGHTS)
        metrics = metrics_from_sums(keras_engine.terms, sums, WEIGHTS)
        losses.append(metrics["masked_lm_loss"])
        reference_losses.append(take_step(model, optimizer, batch, rate, recipe.global_clipnorm))
        if step % REPORT_EVERY == 0 or step == steps:
            mean, reference_mean = (
                float(np.mean(values[start:])) for values in (losses, reference_losses)
            )
            print(
                f"steps {start + 1:4}-{step:4}  archbuilder {mean:.4f}  "
                f"transformers {reference_mean:.4f}  ratio {mean / reference_mean:.4f}",
                flush=True,
            )
            start = step


def spec(documents: Path, steps: int) -> dict:
    """Return a spec with both objectives and the documents."""
    plain = bert.spec(**SIZES)
    plain["model"]["positions"]["max_sequence_length"] = 128
    plain["tokenizer"] = {"type": "wordpiece"}
    plain["data"] = {
        "train": {"type": "documents", "files": [str(documents)]},
        "sequence_length": 128,
    }
    plain["training"] = {
        "steps": steps,
        "batch": {"tokens": 4096},
        "optimizer": {"type": "adamw", "weight_decay": 0.01},
        "learning_rate": {"type": "linear", "peak": 5e-4, "warmup_steps": 30},
        "global_clipnorm": 1.0,
    }
    return plain


def reference():
    """Return `BertForPreTraining` with initial weights, and its optimizer."""
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
    vectors = [weight for weight in model.parameters() if weight.ndim == 1]
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]
    return model, torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.999), eps=1e-6)


def engine(experiment, reference_model):
    """Return the engine of archbuilder with the weights of the reference model."""
    keras.utils.set_random_seed(0)
    state = {name: tensor.numpy().copy() for name, tensor in reference_model.state_dict().items()}
    model = experiment.build()
    bert.assign(model, bert.keras_weights(state, SIZES["num_layers"]))
    recipe = experiment.training
    optimizer, clip = build_optimizer(recipe, model), recipe.global_clipnorm
    terms = loss_terms(experiment.objectives)
    return open_devices(recipe).engine(model, terms, optimizer, clip, False)


def take_step(model, optimizer, batch, rate, clip) -> float:
    """Train the reference model for one step and return its masked-LM loss."""
    target, inputs = batch.targets["masked_lm"], batch.inputs
    labels = np.full(inputs["token_ids"].shape, -100)
    rows, slots = np.nonzero(target.weights)
    labels[rows, inputs["masked_lm_positions"][rows, slots]] = target.ids[rows, slots]
    arrays = inputs | {"next_sentence": batch.targets["next_sentence"].ids}
    ids = {
        name: torch.tensor(arrays[name], dtype=torch.long)
        for name in ("token_ids", "padding_mask", "segment_ids", "next_sentence")
    }
    result = model(ids["token_ids"], ids["padding_mask"], ids["segment_ids"])
    cross_entropy = torch.nn.functional.cross_entropy
    masked = cross_entropy(result.prediction_logits.flatten(0, 1), torch.tensor(labels).flatten())
    following = cross_entropy(result.seq_relationship_logits, ids["next_sentence"])
    optimizer.zero_grad()
    (masked + following).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    return float(masked.detach())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 300)
