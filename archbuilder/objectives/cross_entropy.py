"""Cross-entropy and accuracy as sums, so that they add up exactly over batches and devices."""


def score(logits, targets, weights, smoothing: float = 0.0) -> dict:
    """Sums over the positions that count.

    `logits` [.., V], or [.., 1] of class 1 against class 0; `targets` int [..] and `weights` float
    [..], 1.0 where a position counts. Gives `loss` (nats, with label smoothing: Szegedy et al.,
    2016, section 7), `surprise` (nats, without), `correct` and `count`, each a float32 scalar.
    """
    from keras import ops

    logits = ops.reshape(ops.cast(logits, "float32"), (-1, logits.shape[-1]))  # [N, V]
    if logits.shape[-1] == 1:
        logits = ops.concatenate([ops.zeros_like(logits), logits], axis=-1)
    targets, weights = ops.reshape(targets, (-1,)), ops.reshape(weights, (-1,))  # [N]
    loss, surprise = cross_entropy(logits, targets, smoothing)
    correct = ops.cast(ops.equal(ops.argmax(logits, axis=-1), targets), "float32")
    return {
        "loss": ops.sum(loss * weights),
        "surprise": ops.sum(ops.stop_gradient(surprise) * weights),
        "correct": ops.sum(correct * weights),
        "count": ops.sum(weights),
    }


def cross_entropy(logits, targets, smoothing: float = 0.0):
    """Loss and surprise, [N] each, of logits [N, V] and targets [N].

    The gradient, softmax minus the smoothed target, is written out: the softmax is computed once
    and the target is never spelled as a row of V numbers.
    """
    from keras import ops

    return ops.custom_gradient(lambda x, t: _cross_entropy(x, t, smoothing))(logits, targets)


def _cross_entropy(logits, targets, smoothing):
    from keras import ops

    classes = logits.shape[-1]
    top = ops.max(logits, axis=-1, keepdims=True)
    shares = ops.exp(logits - top)
    total = ops.sum(shares, axis=-1, keepdims=True)
    shares = shares / total
    normaliser = (ops.log(total) + top)[:, 0]
    target_logits = ops.take_along_axis(logits, targets[:, None], axis=-1)[:, 0]
    surprise = normaliser - target_logits
    loss = surprise
    if smoothing:
        spread = normaliser - ops.mean(logits, axis=-1)
        loss = (1 - smoothing) * surprise + smoothing * spread

    def gradient(*upstream, **_):
        # JAX hands over one tuple, TensorFlow its members; only the loss has a gradient.
        first = upstream[0][0] if isinstance(upstream[0], tuple) else upstream[0]
        slopes = (shares - smoothing / classes) * first[:, None]
        rows = ops.cumsum(ops.ones_like(targets), axis=0) - 1
        places = ops.stack([rows, targets], axis=1)
        at_target = ops.exp(-surprise) - smoothing / classes - (1 - smoothing)
        return ops.scatter_update(slopes, places, at_target * first), None

    return (loss, surprise), gradient
