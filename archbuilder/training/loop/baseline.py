"""What a model would score that knows how often each answer is right, and nothing else."""

import numpy as np


def frequencies(batches, names, sample: int = 50) -> dict[str, np.ndarray]:
    """How often each class is the target in the first `sample` batches."""
    counts = {name: np.zeros(0) for name in names}
    for number in range(min(sample, len(batches))):
        batch = batches[number]
        for name in names:
            seen = np.bincount(batch[f"{name}_targets"][batch[f"{name}_weights"] > 0])
            size = max(len(seen), len(counts[name]))
            counts[name] = np.pad(counts[name], (0, size - len(counts[name])))
            counts[name][: len(seen)] += seen
    return counts


def baseline(
    counts: dict[str, np.ndarray], batches, classes: dict[str, int], smoothing: dict[str, float]
) -> dict[str, float]:
    """Loss (nats) and accuracy on all of `batches` of guessing by add-one frequencies.

    On the very positions that a model is measured on, and with the same label smoothing, for which
    the guess is smoothed, too. `classes` is each objective's number of classes.
    """
    found = {}
    for name, seen in counts.items():
        share, size = smoothing[name], classes[name]
        guess = np.pad(seen, (0, size - len(seen))) + 1.0
        guess = (1 - share) * guess / guess.sum() + share / size
        surprise = -np.log(guess)
        targets = [_targets(batches[number], name) for number in range(len(batches))]
        targets = np.concatenate(targets)
        loss = (1 - share) * surprise[targets].mean() + share * surprise.mean()
        found[f"{name}_loss"] = float(loss)
        found[f"{name}_accuracy"] = float((targets == guess.argmax()).mean())
    return found


def _targets(batch: dict, name: str) -> np.ndarray:
    return batch[f"{name}_targets"][batch[f"{name}_weights"] > 0]
