"""BERT's weights under the names of the reference implementation, and under ours."""

import numpy as np

SIZES = {"vocabulary_size": 99, "hidden_dim": 32, "num_layers": 2, "num_heads": 4, "width": 48}


def spec(vocabulary_size, hidden_dim, num_layers, num_heads, width) -> dict:
    """A BERT of the given sizes, as a plain spec."""
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


def ours(theirs: dict[str, np.ndarray], num_layers: int) -> dict[str, np.ndarray]:
    """Weights by our paths, from the state of `transformers.BertForPreTraining`."""
    found = {
        "embeddings.tokens/embeddings": theirs["bert.embeddings.word_embeddings.weight"],
        "embeddings.segments/embeddings": theirs["bert.embeddings.token_type_embeddings.weight"],
        "positions/embeddings": theirs["bert.embeddings.position_embeddings.weight"],
        "masked_lm.bias/embeddings": theirs["cls.predictions.bias"][None],
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
        found[f"{our}/kernel"] = theirs[f"{their}.weight"].T
        found[f"{our}/bias"] = theirs[f"{their}.bias"]
    for our, their in norms.items():
        found[f"{our}/gamma"] = theirs[f"{their}.weight"]
        found[f"{our}/beta"] = theirs[f"{their}.bias"]
    return found


def ragged_batch(vocabulary_size: int, rows: int, length: int, seed: int) -> dict[str, np.ndarray]:
    """Ids with segments and padding, every position asked for."""
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
    """Put `weights` into the model: exactly those that it has."""
    paths = {variable.path: variable for variable in model.weights}
    assert set(paths) == set(weights)
    for path, variable in paths.items():
        variable.assign(weights[path])


def largest_difference(model, batch: dict, expected: dict[str, np.ndarray]) -> float:
    """The largest absolute difference of the logits at real tokens."""
    outputs = model(batch, training=False)
    real = batch["padding_mask"] > 0
    masked = np.abs(np.asarray(outputs["masked_lm"]) - expected["masked_lm"])[real].max()
    sentence = np.abs(np.asarray(outputs["next_sentence"]) - expected["next_sentence"]).max()
    return float(max(masked, sentence))
