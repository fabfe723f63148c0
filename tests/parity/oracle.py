"""`transformers` models with random weights, run on batches with our names (requires torch)."""

import json

import numpy as np
import torch
import transformers

PREFIXES = {"": "", "encoder_": "", "decoder_": "decoder_"}
INPUTS = {
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


def random_model(class_name: str, seed: int, **config):
    """Return a model with random weights, including norms and biases."""
    torch.manual_seed(seed)
    model_class = getattr(transformers, class_name)
    model = model_class(_config(model_class, config)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:  # Norms are near 1, biases near 0.
                spread = torch.randn(weight.shape) * (0.2 if weight.ndim > 1 else 0.1)
                weight.copy_(spread + (weight if weight.ndim == 1 else 0))
    return model


def configuration(class_name: str, **config) -> dict:
    """Return the content of the `config.json` of a model class."""
    return json.loads(_config(getattr(transformers, class_name), config).to_json_string(False))


def _config(model_class, config):
    return model_class.config_class(attn_implementation="eager", **config)


def state(model) -> dict[str, np.ndarray]:
    """Return the weights of a model by name."""
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def outputs(model, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the outputs of the heads and the body, by our names, for a batch with our names."""
    inputs = {}
    for name, array in batch.items():
        prefix = next(item for item in ("encoder_", "decoder_", "") if name.startswith(item))
        input_name = INPUTS.get(name.removeprefix(prefix))
        if input_name:
            inputs[PREFIXES[prefix] + input_name] = torch.tensor(array, dtype=torch.long)
    with torch.no_grad():
        result = model(**inputs)
    tensors = {name: getattr(result, attribute, None) for name, attribute in OUTPUTS.items()}
    arrays = {name: tensor.numpy() for name, tensor in tensors.items() if tensor is not None}
    if type(model).__name__ == "ElectraForPreTraining":
        return {"replaced_token_detection": arrays["logits"][..., None]}
    return arrays


def logits(model, batch: dict[str, np.ndarray]) -> np.ndarray:
    """Return the logits, [B, T, V], of a model with a single head."""
    return outputs(model, batch)["logits"]
