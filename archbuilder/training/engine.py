"""The engine: one optimizer step, or one measurement, of a model on batches of arrays."""

import numpy as np
import tensorflow as tf

from archbuilder.objectives.score import score


class TensorFlowEngine:
    """Steps on TensorFlow, traced once for all batch sizes and lengths.

    A loss is the sum over the tokens that count, divided by their number in the whole effective
    batch, however many micro-batches that is made of; then times its weight. `objectives` are
    by the names of the outputs that are scored.
    """

    def __init__(self, model, objectives: dict, optimizer):
        self.model, self.objectives, self.optimizer = model, objectives, optimizer
        self.inputs = [tensor.name for tensor in model.inputs]
        self._gradients: list = []
        self._compiled: dict = {}

    def train(self, batches: list[dict], weights: dict[str, float]) -> dict:
        """Take one step on the micro-batches; gives each output's sums (see `score`).

        `weights` is what each output's loss is multiplied by.
        """
        shares = token_shares(batches, weights)
        if len(batches) == 1:
            return self._run(self._step, batches[0] | shares)
        if not self._gradients:
            self._gradients = [tf.Variable(tf.zeros_like(w)) for w in self.model.trainable_weights]
        sums = [self._run(self._accumulate, batch | shares) for batch in batches]
        self._run(self._apply, {})
        return added(sums)

    def measure(self, batch: dict) -> dict:
        """Each objective's sums on a batch, with dropout off."""
        return self._run(self._measure, batch)

    @property
    def gradient_norm(self) -> float:
        """Norm of the last step's gradient, before clipping."""
        return float(self.optimizer.gradient_norm)

    def _run(self, function, batch: dict) -> dict:
        batch = {name: tf.convert_to_tensor(value) for name, value in batch.items()}
        if function not in self._compiled:
            signature = {
                name: tf.TensorSpec([None] * len(value.shape), value.dtype, name=name)
                for name, value in batch.items()
            }
            self._compiled[function] = tf.function(
                function, input_signature=[signature], autograph=False
            )
        sums = self._compiled[function](batch)
        return {
            name: {key: float(value) for key, value in scores.items()}
            for name, scores in sums.items()
        }

    def _measure(self, batch):
        return self._scores(batch, training=False)

    def _step(self, batch):
        gradients, scores = self._differentiate(batch)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        return scores

    def _accumulate(self, batch):
        gradients, scores = self._differentiate(batch)
        for total, gradient in zip(self._gradients, gradients, strict=True):
            total.assign_add(tf.convert_to_tensor(gradient))
        return scores

    def _apply(self, _):
        self.optimizer.apply(
            [total.read_value() for total in self._gradients], self.model.trainable_variables
        )
        for total in self._gradients:
            total.assign(tf.zeros_like(total))
        return {}

    def _differentiate(self, batch):
        weights = [variable.value for variable in self.model.trainable_variables]
        with tf.GradientTape() as tape:
            scores = self._scores(batch, training=True)
            losses = [scores[name]["loss"] * batch[f"{name}_share"] for name in self.objectives]
            loss = tf.add_n(losses)
        return tape.gradient(loss, weights), scores

    def _scores(self, batch, training):
        inputs = {name: batch[name] for name in self.inputs}
        outputs = self.model(inputs, training=training)
        return {
            name: score(
                outputs[name],
                (outputs if f"{name}_targets" in outputs else batch)[f"{name}_targets"],
                batch[f"{name}_weights"],
                objective.smoothing(),
            )
            for name, objective in self.objectives.items()
        }


def token_shares(batches: list[dict], weights: dict[str, float]) -> dict:
    """What one token counts for in the whole effective batch, for each output: weight / tokens."""
    counts = {name: sum(b[f"{name}_weights"].sum() for b in batches) for name in weights}
    return {
        f"{name}_share": np.float32(weights[name] / max(count, 1)) for name, count in counts.items()
    }


def added(sums: list[dict]) -> dict:
    """Sums over batches, added up by objective and key."""
    return {
        name: {key: sum(one[name][key] for one in sums) for key in scores}
        for name, scores in sums[0].items()
    }


def metrics(sums: dict, weights: dict[str, float]) -> dict[str, float]:
    """Means out of sums: each output's loss, accuracy and perplexity, and the weighted loss."""
    found = {"loss": 0.0}
    for name, scores in sums.items():
        count = max(scores["count"], 1)
        found[f"{name}_loss"] = scores["loss"] / count
        found[f"{name}_accuracy"] = scores["correct"] / count
        found[f"{name}_perplexity"] = float(np.exp(min(scores["surprise"] / count, 700)))
        found["loss"] += weights[name] * scores["loss"] / count
    return found
