"""`transformers` models at random weights, run on batches with our names (needs torch)."""

import json

import numpy as np
import torch
import transformers

SIDES = {"": "", "encoder_": "", "decoder_": "decoder_"}
THEIRS = {
    "token_ids": "input_ids",
    "padding_mask": "attention_mask",
    "segment_ids": "token_type_ids",
}
OUTPUTS = {
    "logits": "logits",
    "masked_lm": "prediction_logits",
    "next_sentence": "seq_relationship_logits",
    "sentence_order": "sop_logits",
    "sequence_output": "last_hidden_state",
    "pooled_output": "pooler_output",
}


def random_model(kind: str, seed: int, **config):
    """A model of class `kind`, all of its weights random, norms and biases included."""
    torch.manual_seed(seed)
    model_class = getattr(transformers, kind)
    model = model_class(_configured(model_class, config)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:  # Norms about one, biases about zero.
                spread = torch.randn(weight.shape) * (0.2 if weight.ndim > 1 else 0.1)
                weight.copy_(spread + (weight if weight.ndim == 1 else 0))
    return model


def configuration(kind: str, **config) -> dict:
    """What its `config.json` says."""
    return json.loads(_configured(getattr(transformers, kind), config).to_json_string(False))


def _configured(model_class, config):
    return model_class.config_class(attn_implementation="eager", **config)


def state(model) -> dict[str, np.ndarray]:
    """Its weights by name."""
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def outputs(model, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """For a batch with our names, what its heads give by ours, and the vectors of its body."""
    inputs = {}
    for name, array in batch.items():
        side = next(side for side in ("encoder_", "decoder_", "") if name.startswith(side))
        their = THEIRS.get(name.removeprefix(side))
        if their:
            inputs[SIDES[side] + their] = torch.tensor(array, dtype=torch.long)
    with torch.no_grad():
        found = model(**inputs)
    named = {ours: getattr(found, theirs, None) for ours, theirs in OUTPUTS.items()}
    named = {ours: tensor.numpy() for ours, tensor in named.items() if tensor is not None}
    if type(model).__name__ == "ElectraForPreTraining":
        return {"replaced_token_detection": named["logits"][..., None]}
    return named


def logits(model, batch: dict[str, np.ndarray]) -> np.ndarray:
    """[B, T, V] of its only head."""
    return outputs(model, batch)["logits"]
