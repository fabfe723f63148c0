"""BERT of `transformers` with random weights (requires torch)."""

import numpy as np
import torch
import transformers


def random_bert(vocabulary_size, hidden_dim, num_layers, num_heads, width, seed: int):
    """Return `BertForPreTraining` with random weights, biases and norms included, and its state."""
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=vocabulary_size,
        hidden_size=hidden_dim,
        num_hidden_layers=num_layers,
        num_attention_heads=num_heads,
        intermediate_size=width,
        max_position_embeddings=40,
        pad_token_id=0,
    )
    model = transformers.BertForPreTraining(config).eval()
    with torch.no_grad():
        for weight in model.parameters():  # Norms are near 1, biases near 0.
            spread = torch.randn(weight.shape) * (hidden_dim**-0.5 if weight.ndim > 1 else 0.2)
            weight.copy_(spread if weight.ndim > 1 else weight + spread)
    return model, {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def logits(model, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the logits of both heads for a batch with our names."""
    with torch.no_grad():
        result = model(
            input_ids=torch.tensor(batch["token_ids"], dtype=torch.long),
            attention_mask=torch.tensor(batch["padding_mask"], dtype=torch.long),
            token_type_ids=torch.tensor(batch["segment_ids"], dtype=torch.long),
        )
    return {
        "masked_lm": result.prediction_logits.numpy(),
        "next_sentence": result.seq_relationship_logits.numpy(),
    }
