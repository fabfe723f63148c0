"""Reference implementations of optimizers in NumPy, with the notation of their papers.

Each function takes the optimizer's spec, the initial weight, the gradients and learning rates of
all steps, the update rule of the weight, and whether it is a matrix of a stack. It returns the
weight after the last step.
"""

import numpy as np


def sgd(spec, weight, gradients, rates, rule, in_stack=False):
    """Follow Sutskever et al., 2013, equations 1 and 2."""
    velocity = np.zeros_like(weight)
    for gradient, rate in zip(gradients, rates, strict=True):
        weight = weight - rate * rule.decay * weight
        velocity = spec.momentum * velocity - rate * gradient
        weight = weight + velocity
    return weight


def adam(spec, weight, gradients, rates, rule, in_stack=False):
    """Follow Kingma and Ba, 2015, algorithm 1, and Loshchilov and Hutter, 2019, algorithm 2."""
    mean = square = np.zeros_like(weight)
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        weight = weight - rate * rule.decay * weight
        mean = spec.beta_1 * mean + (1 - spec.beta_1) * gradient
        square = spec.beta_2 * square + (1 - spec.beta_2) * gradient**2
        root = (square / (1 - spec.beta_2**step)) ** 0.5
        weight = weight - rate * mean / (1 - spec.beta_1**step) / (root + spec.epsilon)
    return weight


def keras_adam(spec, weight, gradients, rates, rule, in_stack=False):
    """Follow Kingma and Ba, 2015, section 2, last paragraph, as Keras does in Adam and Muon."""
    mean = square = np.zeros_like(weight)
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        weight = weight - rate * rule.decay * weight
        mean = spec.beta_1 * mean + (1 - spec.beta_1) * gradient
        square = spec.beta_2 * square + (1 - spec.beta_2) * gradient**2
        scale = rate * (1 - spec.beta_2**step) ** 0.5 / (1 - spec.beta_1**step)
        weight = weight - scale * mean / (square**0.5 + spec.epsilon)
    return weight


def adafactor(spec, weight, gradients, rates, rule, in_stack=False):
    """Follow Shazeer and Stern, 2018, algorithms 4 (matrices) and 5 (vectors), with sums."""
    row, column, square = 0.0, 0.0, 0.0
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        weight = weight - rate * rule.decay * weight
        decay = 1 - step**-spec.decay_exponent
        alpha = max(spec.epsilon_2, _rms(weight)) * rate
        new = gradient**2 + spec.epsilon_1
        if weight.ndim == 2:
            row = decay * row + (1 - decay) * new.sum(axis=1)
            column = decay * column + (1 - decay) * new.sum(axis=0)
            square = np.outer(row, column) / row.sum()
        else:
            square = decay * square + (1 - decay) * new
        update = gradient / square**0.5
        weight = weight - alpha * update / max(1, _rms(update) / spec.clip_threshold)
    return weight


def lamb(spec, weight, gradients, rates, rule, in_stack=False):
    """Follow You et al., 2020, algorithm 2."""
    mean = square = np.zeros_like(weight)
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        mean = spec.beta_1 * mean + (1 - spec.beta_1) * gradient
        square = spec.beta_2 * square + (1 - spec.beta_2) * gradient**2
        ratio = mean / (1 - spec.beta_1**step)
        ratio = ratio / ((square / (1 - spec.beta_2**step)) ** 0.5 + spec.epsilon)
        update = ratio + rule.decay * weight
        trust = np.linalg.norm(weight) / np.linalg.norm(update)
        weight = weight - rate * (trust if rule.is_matrix else 1) * update
    return weight


def lion(spec, weight, gradients, rates, rule, in_stack=False):
    """Follow Chen et al., 2023, algorithm 2."""
    mean = np.zeros_like(weight)
    for gradient, rate in zip(gradients, rates, strict=True):
        update = np.sign(spec.beta_1 * mean + (1 - spec.beta_1) * gradient)
        weight = weight - rate * (update + rule.decay * weight)
        mean = spec.beta_2 * mean + (1 - spec.beta_2) * gradient
    return weight


def muon(spec, weight, gradients, rates, rule, in_stack=False):
    """Follow Jordan et al., 2024, with Nesterov momentum, and Liu et al., 2025, equation 4."""
    if not in_stack or weight.ndim < 2:
        return keras_adam(spec, weight, gradients, rates, rule)
    momentum = np.zeros_like(weight)
    for gradient, rate in zip(gradients, rates, strict=True):
        weight = weight - rate * rule.decay * weight
        momentum = spec.momentum * momentum + gradient
        x = gradient + spec.momentum * momentum
        x = x / (np.linalg.norm(x) + 1e-7)
        for _ in range(spec.iterations):
            square = x @ x.T
            x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
        weight = weight - rate * 0.2 * max(weight.shape) ** 0.5 * x
    return weight


def schedule_free_adamw(spec, weight, gradients, rates, rule, in_stack=False, evaluated=False):
    """Follow Defazio et al., 2024, algorithm 1; y is the weight, x its average."""
    x = y = z = weight
    square, weights = np.zeros_like(weight), 0.0
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        square = spec.beta_2 * square + (1 - spec.beta_2) * gradient**2
        rate = rate * (1 - spec.beta_2**step) ** 0.5
        weights += rate**2
        z = z - rate * (gradient / (square**0.5 + spec.epsilon) + rule.decay * y)
        fraction = rate**2 / weights
        x = (1 - fraction) * x + fraction * z
        y = (1 - spec.beta_1) * z + spec.beta_1 * x
    return x if evaluated else y


REFERENCES = {
    "sgd": sgd,
    "adam": adam,
    "adamw": adam,
    "adafactor": adafactor,
    "lamb": lamb,
    "lion": lion,
    "muon": muon,
    "schedule_free_adamw": schedule_free_adamw,
}


def _rms(x):
    return np.mean(x**2) ** 0.5
