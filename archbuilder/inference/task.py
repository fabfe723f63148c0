"""What a trained run does with lines of text: a task takes lines and gives one object for each."""

from collections.abc import Iterator, Sequence

import numpy as np

from archbuilder.inference.greedy import greedy
from archbuilder.mistake import UserMistake
from archbuilder.text.batches import padded
from archbuilder.training.run_folder import RunFolder

ROWS = 64
"""Lines worked on together."""


class FillMask:
    """Guess the tokens that stand behind each mask in a line (Devlin et al., 2018)."""

    name = "fill_mask"

    def __init__(self, experiment, model, vocabularies, objective: str, guesses: int = 5):
        self.model, (self.vocabulary, _) = model, vocabularies
        self.objective, self.guesses = objective, guesses
        self.longest = experiment.model.max_sequence_length

    def __call__(self, lines: Sequence[str]) -> Iterator[dict]:
        """One object a line: `text`, filled, and `guesses`, a list for each mask."""
        for start in range(0, len(lines), ROWS):
            yield from self._fill(lines[start : start + ROWS], start)

    def _fill(self, lines, start):
        vocabulary = self.vocabulary
        encoded = vocabulary.encode(lines, specials=True)
        rows = [[vocabulary.start_id, *ids, vocabulary.end_id] for ids in encoded]
        for place, (row, line) in enumerate(zip(rows, lines, strict=True)):
            _short_enough(row, self.longest, start + place + 1)
            if vocabulary.mask_id not in row:
                raise UserMistake(
                    f"line {start + place + 1} has no {vocabulary.mask_token} to fill: {line!r}"
                )
        token_ids, padding_mask = padded(rows, vocabulary.padding_id)
        masked = [np.flatnonzero(row == vocabulary.mask_id) for row in token_ids]
        positions = padded(masked, 0)[0]
        logits = self._logits(token_ids, padding_mask, positions)
        for ids, found, scores in zip(rows, masked, logits, strict=True):
            yield self._filled(list(ids), found, scores)

    def _logits(self, token_ids, padding_mask, positions):  # -> [B, M, V]
        inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
        inputs["segment_ids"] = np.zeros_like(token_ids)
        inputs[f"{self.objective}_positions"] = positions
        known = {tensor.name for tensor in self.model.inputs}
        inputs = {name: array for name, array in inputs.items() if name in known}
        return np.asarray(self.model(inputs, training=False)[self.objective], dtype="float64")

    def _filled(self, ids, positions, scores):
        guesses = []
        for position, row in zip(positions, scores, strict=False):
            row[list(self.vocabulary.special_ids)] = -np.inf
            row = row[: self.vocabulary.size]
            share = np.exp(row - row.max())
            share /= share.sum()
            best = np.argsort(-share, kind="stable")[: self.guesses]
            ids[position] = int(best[0])
            guesses.append(
                [{"token": self.vocabulary.token(int(i)), "share": float(share[i])} for i in best]
            )
        return {"text": self.vocabulary.decode(ids), "guesses": guesses}


class Translate:
    """Write the target of each source line."""

    name = "translate"

    def __init__(self, experiment, model, vocabularies, objective: str, guesses: int = 5):
        drawn = experiment.network()
        drawn.model.set_weights(model.get_weights())
        self.network, self.project = drawn.parts, drawn.parts.project()
        self.source, self.target = vocabularies
        self.longest = experiment.model.max_sequence_length

    def __call__(self, lines: Sequence[str]) -> Iterator[dict]:
        """One object a line: `text`. Lines of like length are worked on together."""
        rows = [[*ids, self.source.end_id] for ids in self.source.encode(lines)]
        for number, row in enumerate(rows, start=1):
            _short_enough(row, self.longest, number)
        order = np.argsort([len(row) for row in rows], kind="stable")
        found: dict[int, list[int]] = {}
        for start in range(0, len(order), ROWS):
            chosen = order[start : start + ROWS]
            found |= dict(zip(chosen.tolist(), self._write([rows[i] for i in chosen]), strict=True))
        for place in range(len(rows)):
            yield {"text": self.target.decode(found[place])}

    def _write(self, rows):
        token_ids, padding_mask = padded(rows, self.source.padding_id)
        source = {"encoder_token_ids": token_ids, "encoder_padding_mask": padding_mask}
        limits = [min(2 * len(row) + 10, self.longest or 2**31) for row in rows]
        return greedy(self.network, self.project, source, self.target, limits)


def open_task(experiment, run: RunFolder, name: str | None = None, guesses: int = 5):
    """The task called `name` of a run, or the one that its objectives are for."""
    found = {
        TASKS[objective.type].name: (TASKS[objective.type], key)
        for key, objective in experiment.objectives.items()
        if objective.type in TASKS
    }
    if not found:
        raise UserMistake(f"{run.path}: none of its objectives has a task to predict")
    if name is not None and name not in found:
        raise UserMistake(f"no task {name!r} here; this run can do: {', '.join(found)}")
    kind, objective = found[name or next(iter(found))]
    return kind(experiment, run.load_model(), run.vocabularies(), objective, guesses)


def _short_enough(row: list, longest: int | None, number: int) -> None:
    if longest is not None and len(row) > longest:
        raise UserMistake(
            f"line {number} has {len(row)} tokens; the model knows {longest} positions"
        )


TASKS = {"masked_lm": FillMask, "sequence_to_sequence": Translate}
