"""BERT's spec, weights and batches for comparisons with the reference implementation."""

import numpy as np

SIZES = {"vocabulary_size": 99, "hidden_dim": 32, "num_layers": 2, "num_heads": 4, "width": 48}


def spec(vocabulary_size, hidden_dim, num_layers, num_heads, width) -> dict:
    """Return a plain spec of BERT with the given sizes."""
    norm = {"type": "layer_norm", "epsilon": 1e-12}
    return {
        "name": "bert",
        "model": {
            "hidden_dim": hidden_dim,
            "vocabulary_size": vocabulary_size,
            "embeddings": {"tie": "output", "num_segments": 2, "norm": norm, "dropout": 0.1},
            "positions": {"type": "learned", "max_sequence_length": 40},
            "encoder": {
                "num_layers": num_layers,
                "attention": {"type": "multi_head", "num_heads": num_heads, "dropout": 0.1},
                "feed_forward": {"type": "mlp", "intermediate_dim": width, "activation": "gelu"},
                "norm": norm,
                "dropout": 0.1,
            },
            "pooler": {"type": "first_token"},
            "initializer": {"type": "truncated_normal", "stddev": 0.02},
        },
        "objectives": {
            "masked_lm": {"type": "masked_lm"},
            "next_sentence": {"type": "next_sentence"},
        },
    }


def keras_weights(state: dict[str, np.ndarray], num_layers: int) -> dict[str, np.ndarray]:
    """Return weights by our paths from the state of `transformers.BertForPreTraining`."""
    weights = {
        "embeddings.tokens/embeddings": state["bert.embeddings.word_embeddings.weight"],
        "embeddings.segments/embeddings": state["bert.embeddings.token_type_embeddings.weight"],
        "positions/embeddings": state["bert.embeddings.position_embeddings.weight"],
        "masked_lm.bias/embeddings": state["cls.predictions.bias"][None],
    }
    norms = {
        "embeddings.norm": "bert.embeddings.LayerNorm",
        "masked_lm.norm": "cls.predictions.transform.LayerNorm",
    }
    matrices = {
        "pooler": "bert.pooler.dense",
        "masked_lm.transform": "cls.predictions.transform.dense",
        "next_sentence": "cls.seq_relationship",
    }
    for index in range(num_layers):
        our, their = f"encoder.layers.{index}", f"bert.encoder.layer.{index}"
        for role in ("query", "key", "value"):
            matrices[f"{our}.attention.{role}"] = f"{their}.attention.self.{role}"
        matrices[f"{our}.attention.output"] = f"{their}.attention.output.dense"
        matrices[f"{our}.feed_forward.intermediate"] = f"{their}.intermediate.dense"
        matrices[f"{our}.feed_forward.output"] = f"{their}.output.dense"
        norms[f"{our}.attention.norm"] = f"{their}.attention.output.LayerNorm"
        norms[f"{our}.feed_forward.norm"] = f"{their}.output.LayerNorm"
    for our, their in matrices.items():
        weights[f"{our}/kernel"] = state[f"{their}.weight"].T
        weights[f"{our}/bias"] = state[f"{their}.bias"]
    for our, their in norms.items():
        weights[f"{our}/gamma"] = state[f"{their}.weight"]
        weights[f"{our}/beta"] = state[f"{their}.bias"]
    return weights


def ragged_batch(vocabulary_size: int, rows: int, length: int, seed: int) -> dict[str, np.ndarray]:
    """Return a batch with segments and padding in which all positions are selected."""
    random = np.random.default_rng(seed)
    lengths = random.integers(min(2, length), length + 1, rows)
    lengths[0] = length
    mask = (np.arange(length) < lengths[:, None]).astype("int32")
    split = np.arange(length) >= (lengths // 2)[:, None]
    return {
        "token_ids": random.integers(1, vocabulary_size, (rows, length)).astype("int32") * mask,
        "padding_mask": mask,
        "segment_ids": split.astype("int32") * mask,
        "masked_lm_positions": np.tile(np.arange(length, dtype="int32"), (rows, 1)),
    }


def assign(model, weights: dict[str, np.ndarray]) -> None:
    """Assign the weights of a model; their paths must be those of the model."""
    paths = {variable.path: variable for variable in model.weights}
    assert set(paths) == set(weights)
    for path, variable in paths.items():
        variable.assign(weights[path])


def largest_difference(model, batch: dict, expected: dict[str, np.ndarray]) -> float:
    """Return the largest absolute difference of the logits, padding excluded."""
    outputs = model(batch, training=False)
    is_token = batch["padding_mask"] > 0
    masked = np.abs(np.asarray(outputs["masked_lm"]) - expected["masked_lm"])[is_token].max()
    sentence = np.abs(np.asarray(outputs["next_sentence"]) - expected["next_sentence"]).max()
    return float(max(masked, sentence))
