"""The Transformer in numpy, written from the paper (Vaswani et al., 2017), one equation a function.

Weights come in a dictionary by our paths; everything is computed in double precision.
"""

import numpy as np


def softmax(x):
    shares = np.exp(x - x.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def layer_norm(x, weights, name, epsilon):
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon)
    return scaled * weights[f"{name}/gamma"] + weights[f"{name}/beta"]


def linear(x, weights, name):
    return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]


def positional_encoding(length, dim):
    """Section 3.5: sine at even places, cosine at odd ones."""
    table = np.zeros((length, dim))
    for position in range(length):
        for pair in range(dim // 2):
            angle = position / 10000 ** (2 * pair / dim)
            table[position, 2 * pair] = np.sin(angle)
            table[position, 2 * pair + 1] = np.cos(angle)
    return table


def attention(queries, keys, values, allowed):
    """Equation 1, for one head: softmax(Q K^T / sqrt(d_k)) V, over what is allowed [T, S]."""
    scores = queries @ keys.T / np.sqrt(queries.shape[-1])
    return softmax(np.where(allowed, scores, -np.inf)) @ values


def multi_head(x, memory, allowed, weights, name, heads):
    """Section 3.2.2, for one sentence."""
    queries = linear(x, weights, f"{name}.query")
    keys, values = linear(memory, weights, f"{name}.key"), linear(memory, weights, f"{name}.value")
    width = queries.shape[-1] // heads
    parts = [slice(head * width, (head + 1) * width) for head in range(heads)]
    found = [attention(queries[:, p], keys[:, p], values[:, p], allowed) for p in parts]
    return linear(np.concatenate(found, axis=-1), weights, f"{name}.output")


def feed_forward(x, weights, name):
    """Equation 2: max(0, x W1 + b1) W2 + b2."""
    inner = np.maximum(0, linear(x, weights, f"{name}.intermediate"))
    return linear(inner, weights, f"{name}.output")


def sublayer(x, inner, weights, name, epsilon):
    """Section 3.1: LayerNorm(x + Sublayer(x))."""
    return layer_norm(x + inner, weights, f"{name}.norm", epsilon)


def embed(ids, weights):
    """Section 3.4: embeddings times the root of d_model, and the positional encodings."""
    table = weights["embeddings.tokens/embeddings"]
    return table[ids] * np.sqrt(table.shape[1]) + positional_encoding(len(ids), table.shape[1])


def transformer(source, target, weights, layers, heads, epsilon):
    """Logits [T, V] for one source [S] and one target [T], without padding; all tables shared."""
    everything = np.ones((len(source), len(source)), bool)
    memory = embed(source, weights)
    for index in range(layers):
        name = f"encoder.layers.{index}"
        inner = multi_head(memory, memory, everything, weights, f"{name}.attention", heads)
        memory = sublayer(memory, inner, weights, f"{name}.attention", epsilon)
        inner = feed_forward(memory, weights, f"{name}.feed_forward")
        memory = sublayer(memory, inner, weights, f"{name}.feed_forward", epsilon)
    before = np.tril(np.ones((len(target), len(target)), bool))
    across = np.ones((len(target), len(source)), bool)
    x = embed(target, weights)
    for index in range(layers):
        name = f"decoder.layers.{index}"
        inner = multi_head(x, x, before, weights, f"{name}.attention", heads)
        x = sublayer(x, inner, weights, f"{name}.attention", epsilon)
        inner = multi_head(x, memory, across, weights, f"{name}.cross_attention", heads)
        x = sublayer(x, inner, weights, f"{name}.cross_attention", epsilon)
        inner = feed_forward(x, weights, f"{name}.feed_forward")
        x = sublayer(x, inner, weights, f"{name}.feed_forward", epsilon)
    return x @ weights["embeddings.tokens/embeddings"].T
