"""The Transformer in NumPy, written from the paper (Vaswani et al., 2017), a function per equation.

Weights are a dictionary by our paths. All computations use double precision.
"""

import numpy as np


def softmax(x):
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def layer_norm(x, weights, name, epsilon):
    centered = x - x.mean(axis=-1, keepdims=True)
    scaled = centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + epsilon)
    return scaled * weights[f"{name}/gamma"] + weights[f"{name}/beta"]


def linear(x, weights, name):
    return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]


def positional_encoding(length, dim):
    """Return the encodings of section 3.5: sine at even indices, cosine at odd indices."""
    table = np.zeros((length, dim))
    for position in range(length):
        for pair in range(dim // 2):
            angle = position / 10000 ** (2 * pair / dim)
            table[position, 2 * pair] = np.sin(angle)
            table[position, 2 * pair + 1] = np.cos(angle)
    return table


def attention(queries, keys, values, allowed):
    """Return softmax(Q K^T / sqrt(d_k)) V of one head with a mask [T, S] (equation 1)."""
    scores = queries @ keys.T / np.sqrt(queries.shape[-1])
    return softmax(np.where(allowed, scores, -np.inf)) @ values


def multi_head(x, memory, allowed, weights, name, heads):
    """Return multi-head attention for one sentence (section 3.2.2)."""
    queries = linear(x, weights, f"{name}.query")
    keys, values = linear(memory, weights, f"{name}.key"), linear(memory, weights, f"{name}.value")
    width = queries.shape[-1] // heads
    parts = [slice(head * width, (head + 1) * width) for head in range(heads)]
    outputs = [attention(queries[:, p], keys[:, p], values[:, p], allowed) for p in parts]
    return linear(np.concatenate(outputs, axis=-1), weights, f"{name}.output")


def feed_forward(x, weights, name):
    """Return max(0, x W1 + b1) W2 + b2 (equation 2)."""
    inner = np.maximum(0, linear(x, weights, f"{name}.intermediate"))
    return linear(inner, weights, f"{name}.output")


def sublayer(x, inner, weights, name, epsilon):
    """Return LayerNorm(x + Sublayer(x)) (section 3.1)."""
    return layer_norm(x + inner, weights, f"{name}.norm", epsilon)


def embed(ids, weights):
    """Return embeddings scaled by sqrt(d_model), plus positional encodings (section 3.4)."""
    table = weights["embeddings.tokens/embeddings"]
    return table[ids] * np.sqrt(table.shape[1]) + positional_encoding(len(ids), table.shape[1])


def transformer(source, target, weights, layers, heads, epsilon):
    """Return logits [T, V] for a source [S] and a target [T], unpadded, with tied tables."""
    full_mask = np.ones((len(source), len(source)), bool)
    memory = embed(source, weights)
    for index in range(layers):
        name = f"encoder.layers.{index}"
        inner = multi_head(memory, memory, full_mask, weights, f"{name}.attention", heads)
        memory = sublayer(memory, inner, weights, f"{name}.attention", epsilon)
        inner = feed_forward(memory, weights, f"{name}.feed_forward")
        memory = sublayer(memory, inner, weights, f"{name}.feed_forward", epsilon)
    causal_mask = np.tril(np.ones((len(target), len(target)), bool))
    cross_mask = np.ones((len(target), len(source)), bool)
    x = embed(target, weights)
    for index in range(layers):
        name = f"decoder.layers.{index}"
        inner = multi_head(x, x, causal_mask, weights, f"{name}.attention", heads)
        x = sublayer(x, inner, weights, f"{name}.attention", epsilon)
        inner = multi_head(x, memory, cross_mask, weights, f"{name}.cross_attention", heads)
        x = sublayer(x, inner, weights, f"{name}.cross_attention", epsilon)
        inner = feed_forward(x, weights, f"{name}.feed_forward")
        x = sublayer(x, inner, weights, f"{name}.feed_forward", epsilon)
    return x @ weights["embeddings.tokens/embeddings"].T
