"""What a model in training makes of a few validation examples: each time the same ones."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from archbuilder.batches.batches import pad_rows
from archbuilder.graph import ModelGraph
from archbuilder.inference.fill_mask import FillMask
from archbuilder.inference.task import TaskParts, max_line_length
from archbuilder.inference.translate import Translate
from archbuilder.text.batch import TOKEN_SEQUENCES, Batch
from archbuilder.text.prepare import Prepared, Split
from archbuilder.text.record import SOURCE, TARGET, TEXT
from archbuilder.text.token_store import Tokens
from archbuilder.tracking.sample import Sample
from archbuilder.training.recipe.trained_spec import TrainedSpec

UNLESS_TOLD = 2
SHORTEST, LONGEST = 6, 24
"""Tokens of an example that is read at a glance; others are taken where there are too few."""


class Samples:
    """A few examples of each objective that has something to show, and what is made of them."""

    def __init__(self, experiment: TrainedSpec, graph: ModelGraph, prepared: Prepared) -> None:
        """Choose the examples; none if there is no validation data.

        Args:
            experiment: The spec.
            graph: The network that is trained.
            prepared: The text.
        """
        recipe, split = experiment.training, prepared.splits.get("validation")
        count = UNLESS_TOLD if recipe.show_predictions is None else recipe.show_predictions
        self._shown: list[tuple[Shown, list]] = []
        if split is None or not count:
            return
        max_length = max_line_length(experiment.model, experiment.data)
        parts = TaskParts(graph, prepared.vocabularies, max_length)
        for name, objective in experiment.objectives.items():
            if objective.shows_predictions:
                kind = SHOWN[objective.head_type](parts, name)
                if rows := kind.examples(split, count):
                    self._shown.append((kind, rows))

    def __bool__(self) -> bool:
        return bool(self._shown)

    def __call__(self) -> list[Sample]:
        """What the model makes of them now."""
        return [
            Sample(kind.objective, texts)
            for kind, rows in self._shown
            for texts in kind.texts(rows)
        ]


class Shown(ABC):
    """The interface of what is shown of an objective."""

    columns: ClassVar[tuple[str, ...]]
    """The text columns of an example."""

    objective: str
    longest: int | None
    """The most tokens of an example, without special ones."""

    @abstractmethod
    def __init__(self, parts: TaskParts, objective: str) -> None:
        """Create the task of the objective of that name."""

    @abstractmethod
    def texts(self, rows: list) -> list[dict[str, str]]:
        """What there is to read of each of the rows that `examples` gave."""

    def examples(self, split: Split, count: int) -> list:
        """The ids of `count` examples by side, spread over the text; fewer where it has fewer."""
        found = [(tokens, self._lengths(tokens)) for _, tokens in split.members]
        lengths = np.concatenate([lengths for _, lengths in found])
        begins = np.cumsum([0, *(len(lengths) for _, lengths in found)])
        rows = []
        for place in _chosen(lengths, self.longest, count):
            part = int(np.searchsorted(begins, place, side="right")) - 1
            rows.append(self._row(found[part][0], int(place - begins[part])))
        return rows

    def _lengths(self, tokens: Tokens) -> np.ndarray:
        """Return the tokens of each example, of its longest column; 0 if a column is empty."""
        lengths = [tokens.text[column].lengths() for column in self.columns]
        return np.where(np.min(lengths, axis=0) > 0, np.max(lengths, axis=0), 0)

    def _row(self, tokens: Tokens, index: int) -> list[list[int]]:
        return [tokens.text[column].line(index).tolist() for column in self.columns]


class Fills(Shown):
    """A sentence of which tokens are hidden, as the objective hides them, filled by the model."""

    columns = (TEXT,)

    def __init__(self, parts: TaskParts, objective: str) -> None:
        self.objective, (self.vocabulary, _) = objective, parts.vocabularies
        self.task = FillMask.create(parts, objective, top_k=1)
        self.longest = self.task.max_length and self.task.max_length - 2
        # What is hidden from a person is a mask, not another token.
        all_masks = {"mask_token_rate": 1.0, "random_token_rate": 0.0}
        self._hiding = parts.graph.objectives[objective].model_copy(update=all_masks)

    def examples(self, split: Split, count: int) -> list:
        return super().examples(split, count) if self.vocabulary.mask_id is not None else []

    def texts(self, rows: list) -> list[dict[str, str]]:
        vocabulary = self.vocabulary
        whole = [[vocabulary.start_id, *ids, vocabulary.end_id] for (ids,) in rows]
        pairs = zip(self._masked(whole), whole, strict=True)  # What is all unknown hides nothing.
        pairs = [(hidden, ids) for hidden, ids in pairs if vocabulary.mask_id in hidden]
        filled = self.task.fill([hidden for hidden, _ in pairs]) if pairs else ()
        return [
            {
                "masked": vocabulary.decode(hidden),
                "filled": found.text,
                "truth": vocabulary.decode(ids),
            }
            for (hidden, ids), found in zip(pairs, filled, strict=True)
        ]

    def _masked(self, rows: list[list[int]]) -> list[list[int]]:
        token_ids, padding_mask = pad_rows(rows, self.vocabulary.padding_id)
        names = TOKEN_SEQUENCES[""]
        batch = Batch({names.token_ids: token_ids, names.padding_mask: padding_mask}, {}, {})
        rng = np.random.default_rng(0)
        self._hiding.prepare_batch(self.objective, batch, rng, self.vocabulary)
        return [
            ids[mask > 0].tolist()
            for ids, mask in zip(batch.inputs[names.token_ids], padding_mask, strict=True)
        ]


class Translations(Shown):
    """A source, what the model writes of it (greedily), and the reference."""

    columns = (SOURCE, TARGET)

    def __init__(self, parts: TaskParts, objective: str) -> None:
        self.objective, self.vocabularies = objective, parts.vocabularies
        self.task = Translate.create(parts, objective, top_k=1)
        self.longest = self.task.max_length and self.task.max_length - 1

    def texts(self, rows: list) -> list[dict[str, str]]:
        source, target = self.vocabularies
        asked = {place: [*ids, source.end_id] for place, (ids, _) in enumerate(rows)}
        written = self.task.translate(asked)
        return [
            {
                "source": source.decode(ids),
                "written": target.decode(written[place]),
                "reference": target.decode(reference),
            }
            for place, (ids, reference) in enumerate(rows)
        ]


SHOWN: dict[str, type[Shown]] = {"masked_lm": Fills, "seq2seq": Translations}
"""By the head of the objective."""


def _chosen(lengths: np.ndarray, longest: int | None, count: int) -> np.ndarray:
    """Places of examples of a readable length, spread evenly; or those that come closest to it."""
    distance = np.abs(lengths - np.clip(lengths, SHORTEST, LONGEST)).astype("float64")
    distance[(lengths == 0) | (lengths > (longest or np.inf))] = np.inf
    places = np.flatnonzero(distance == 0)
    if len(places) < count:
        nearest = np.argsort(distance, kind="stable")[:count]
        places = np.sort(nearest[np.isfinite(distance[nearest])])
    count = min(count, len(places))
    return places[np.arange(count) * len(places) // max(count, 1)]
