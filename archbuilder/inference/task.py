"""What a trained run does with lines of text: a task takes lines and gives one object for each."""

from collections.abc import Iterator, Sequence

import numpy as np

from archbuilder.batches.batches import padded
from archbuilder.errors import UserError
from archbuilder.inference.greedy import greedy
from archbuilder.inference.load_model import trained
from archbuilder.runs.run_folder import RunFolder

ROWS = 64
"""Lines worked on together."""
WINDOW = 16 * ROWS
"""Lines among which those of like length are put together; then they are given, in order."""


class FillMask:
    """Guess the tokens that stand behind each mask in a line (Devlin et al., 2018)."""

    name = "fill_mask"

    def __init__(self, experiment, network, vocabularies, objective: str, guesses: int = 5):
        self.model, (self.vocabulary, _) = network.model, vocabularies
        self.objective, self.guesses = objective, guesses
        (self._positions,) = experiment.objectives[objective].inputs(objective)
        self.longest = longest(experiment)

    def __call__(self, lines: Sequence[str]) -> Iterator[dict]:
        """One object a line: `text`, filled, and `guesses`, a list for each mask."""
        vocabulary = self.vocabulary
        encoded = vocabulary.encode(lines, specials=True)
        rows = [[vocabulary.start_id, *ids, vocabulary.end_id] for ids in encoded]
        for number, (row, line) in enumerate(zip(rows, lines, strict=True), start=1):
            _short_enough(row, self.longest, number)
            if vocabulary.mask_id not in row:
                raise UserError(f"line {number} has no {vocabulary.mask_token} to fill: {line!r}")
        for start in range(0, len(rows), ROWS):
            yield from self.fill(rows[start : start + ROWS])

    def fill(self, rows: list[list[int]]) -> Iterator[dict]:
        """One object for each row of ids; each has start, end and a mask."""
        vocabulary = self.vocabulary
        token_ids, padding_mask = padded(rows, vocabulary.padding_id)
        masked = [np.flatnonzero(row == vocabulary.mask_id) for row in token_ids]
        positions = padded(masked, 0)[0]
        logits = self._logits(token_ids, padding_mask, positions)
        for ids, found, scores in zip(rows, masked, logits, strict=True):
            yield self._filled(list(ids), found, scores)

    def _logits(self, token_ids, padding_mask, positions):  # -> [B, M, V]
        inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
        inputs["segment_ids"] = np.zeros_like(token_ids)
        inputs[self._positions] = positions
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


class Embed:
    """One vector for a line: the mean of its tokens', of length 1 (Reimers and Gurevych, 2019)."""

    name = "embed"

    def __init__(self, experiment, network, vocabularies, objective: str, guesses: int = 5):
        self.network, (self.vocabulary, _) = network.parts, vocabularies
        self.segments, self.longest = experiment.model.embeddings.num_segments, longest(experiment)

    def __call__(self, lines: Sequence[str]) -> Iterator[dict]:
        """One object a line: `vector`, a list of hidden_dim numbers."""
        start, end = self.vocabulary.start_id, self.vocabulary.end_id
        rows = [[start, *ids, end] for ids in self.vocabulary.encode(lines)]
        for number, row in enumerate(rows, start=1):
            _short_enough(row, self.longest, number)
        for begin in range(0, len(rows), ROWS):
            for vector in self._vectors(rows[begin : begin + ROWS]):
                yield {"vector": vector.tolist()}

    def _vectors(self, rows):  # -> [B, D]
        token_ids, padding_mask = padded(rows, self.vocabulary.padding_id)
        inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
        if self.segments:
            inputs["segment_ids"] = np.zeros_like(token_ids)
        vectors = np.asarray(self.network.encode(**inputs)) * padding_mask[:, :, None]
        means = vectors.sum(axis=1) / padding_mask.sum(axis=1, keepdims=True)
        return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)


class Translate:
    """Write the target of each source line."""

    name = "translate"

    def __init__(self, experiment, network, vocabularies, objective: str, guesses: int = 5):
        self.network, self.project = network.parts, network.parts.project()
        (self.source, self.target), self.longest = vocabularies, longest(experiment)

    def __call__(self, lines: Sequence[str]) -> Iterator[dict]:
        """One object a line: `text`, which is empty where the line is."""
        rows = [[*ids, self.source.end_id] for ids in self.source.encode(lines)]
        for number, row in enumerate(rows, start=1):
            _short_enough(row, self.longest, number)
        for start in range(0, len(rows), WINDOW):
            here = range(start, min(start + WINDOW, len(rows)))
            found = self.translate({place: rows[place] for place in here if lines[place].strip()})
            for place in here:
                yield {"text": self.target.decode(found.get(place, []))}

    def translate(self, rows: dict[int, list[int]]) -> dict[int, list[int]]:
        """The target ids for each row of source ids, the end included.

        Those of like length are worked on together.
        """
        order = sorted(rows, key=lambda place: len(rows[place]))
        found = {}
        for start in range(0, len(order), ROWS):
            chosen = order[start : start + ROWS]
            written = self._write([rows[place] for place in chosen])
            found |= dict(zip(chosen, written, strict=True))
        return found

    def _write(self, rows):
        token_ids, padding_mask = padded(rows, self.source.padding_id)
        source = {"encoder_token_ids": token_ids, "encoder_padding_mask": padding_mask}
        limits = [min(2 * len(row) + 10, self.longest or 2**31) for row in rows]
        return greedy(self.network, self.project, source, self.target, limits)


def open_task(experiment, run: RunFolder, name: str | None = None, guesses: int = 5):
    """The task called `name` of a run, or the one that its objectives are for."""
    found = {
        TASKS[objective.head].name: (TASKS[objective.head], key)
        for key, objective in experiment.objectives.items()
        if objective.head in TASKS
    }
    if experiment.model.decoder is None:
        found[Embed.name] = (Embed, "")
    if not found:
        raise UserError(f"{run.path}: none of its objectives has a task to predict")
    if name is not None and name not in found:
        raise UserError(f"no task {name!r} here; this run can do: {', '.join(found)}")
    kind, objective = found[name or next(iter(found))]
    return kind(experiment, trained(experiment, run), run.vocabularies(), objective, guesses)


def longest(experiment) -> int | None:
    """The most tokens that a line may have: the positions, or else what was trained on."""
    known = experiment.model.max_sequence_length
    return experiment.data.sequence_length if known is None and experiment.data else known


def _short_enough(row: list, longest: int | None, number: int) -> None:
    if longest is not None and len(row) > longest:
        raise UserError(f"line {number} has {len(row)} tokens; the model takes at most {longest}")


TASKS = {"masked_lm": FillMask, "seq2seq": Translate}
"""By the head of the objective."""
