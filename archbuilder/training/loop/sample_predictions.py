"""Predictions for a few validation examples, which are the same at each evaluation."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from typing_extensions import override

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

DEFAULT_COUNT = 2
"""Number of examples of an objective if the spec does not set it."""
MIN_TOKENS, MAX_TOKENS = 6, 24
"""Preferred length of an example, in tokens, so that it is easy to read."""


class SamplePredictions:
    """A few validation examples of each objective, and their current predictions."""

    def __init__(self, experiment: TrainedSpec, graph: ModelGraph, prepared: Prepared) -> None:
        """Select the examples; there are none without validation data.

        Args:
            experiment: The spec.
            graph: The model that is trained.
            prepared: The text.
        """
        recipe, split = experiment.training, prepared.splits.get("validation")
        count = DEFAULT_COUNT if recipe.show_predictions is None else recipe.show_predictions
        self._samplers: list[tuple[ObjectiveSampler, list]] = []
        if split is None or not count:
            return
        max_length = max_line_length(experiment.model, experiment.data)
        parts = TaskParts(graph, prepared.vocabularies, max_length)
        for name, objective in experiment.objectives.items():
            if objective.shows_predictions:
                sampler = SAMPLER_BY_HEAD_TYPE[objective.head_type](parts, name)
                if rows := sampler.examples(split, count):
                    self._samplers.append((sampler, rows))

    def __bool__(self) -> bool:
        return bool(self._samplers)

    def __call__(self) -> list[Sample]:
        """Return the examples with the current predictions of the model."""
        return [
            Sample(sampler.objective, texts)
            for sampler, rows in self._samplers
            for texts in sampler.texts(rows)
        ]


class ObjectiveSampler(ABC):
    """The interface of samplers, which show examples of an objective with predictions."""

    columns: ClassVar[tuple[str, ...]]
    """The text columns of an example."""

    objective: str
    """Name of the objective."""
    max_length: int | None
    """Maximum number of tokens of an example, without special tokens. None: no limit."""

    @abstractmethod
    def __init__(self, parts: TaskParts, objective: str) -> None:
        """Create the sampler.

        Args:
            parts: The model and its vocabularies.
            objective: Name of the objective.
        """

    @abstractmethod
    def texts(self, rows: list) -> list[dict[str, str]]:
        """Return the texts of each example by label.

        Args:
            rows: The token ids of each example, from `examples`.
        """

    def examples(self, split: Split, count: int) -> list:
        """Return the token ids of up to `count` examples by column, spread over the text."""
        members = [(tokens, self._lengths(tokens)) for _, tokens in split.members]
        lengths = np.concatenate([lengths for _, lengths in members])
        starts = np.cumsum([0, *(len(lengths) for _, lengths in members)])
        rows = []
        for index in _select(lengths, self.max_length, count):
            member = int(np.searchsorted(starts, index, side="right")) - 1
            rows.append(self._row(members[member][0], int(index - starts[member])))
        return rows

    def _lengths(self, tokens: Tokens) -> np.ndarray:
        """Return the number of tokens in the longest column; 0 if a column is empty."""
        lengths = [tokens.text[column].lengths() for column in self.columns]
        return np.where(np.min(lengths, axis=0) > 0, np.max(lengths, axis=0), 0)

    def _row(self, tokens: Tokens, index: int) -> list[list[int]]:
        return [tokens.text[column].line(index).tolist() for column in self.columns]


class MaskedLMSampler(ObjectiveSampler):
    """Sentences with masked tokens, selected by the objective, and the model's predictions."""

    columns = (TEXT,)

    @override
    def __init__(self, parts: TaskParts, objective: str) -> None:
        self.objective, (self.vocabulary, _) = objective, parts.vocabularies
        self.task = FillMask.create(parts, objective, top_k=1)
        self.max_length = self.task.max_length and self.task.max_length - 2
        # Show all selected tokens as masks, without random or unchanged tokens.
        all_masks = {"mask_token_rate": 1.0, "random_token_rate": 0.0}
        self._masking = parts.graph.objectives[objective].model_copy(update=all_masks)

    @override
    def examples(self, split: Split, count: int) -> list:
        return super().examples(split, count) if self.vocabulary.mask_id is not None else []

    @override
    def texts(self, rows: list) -> list[dict[str, str]]:
        vocabulary = self.vocabulary
        originals = [[vocabulary.start_id, *ids, vocabulary.end_id] for (ids,) in rows]
        pairs = zip(self._masked(originals), originals, strict=True)
        # A sentence of unknown tokens has no masks.
        pairs = [(masked, ids) for masked, ids in pairs if vocabulary.mask_id in masked]
        predictions = self.task.fill([masked for masked, _ in pairs]) if pairs else ()
        return [
            {
                "masked": vocabulary.decode(masked),
                "filled": prediction.text,
                "truth": vocabulary.decode(ids),
            }
            for (masked, ids), prediction in zip(pairs, predictions, strict=True)
        ]

    def _masked(self, rows: list[list[int]]) -> list[list[int]]:
        token_ids, padding_mask = pad_rows(rows, self.vocabulary.padding_id)
        names = TOKEN_SEQUENCES[""]
        batch = Batch({names.token_ids: token_ids, names.padding_mask: padding_mask}, {}, {})
        rng = np.random.default_rng(0)
        self._masking.prepare_batch(self.objective, batch, rng, self.vocabulary)
        return [
            ids[mask > 0].tolist()
            for ids, mask in zip(batch.inputs[names.token_ids], padding_mask, strict=True)
        ]


class Seq2SeqSampler(ObjectiveSampler):
    """Sources, the targets that the model generates by greedy decoding, and the references."""

    columns = (SOURCE, TARGET)

    @override
    def __init__(self, parts: TaskParts, objective: str) -> None:
        self.objective, self.vocabularies = objective, parts.vocabularies
        self.task = Translate.create(parts, objective, top_k=1)
        self.max_length = self.task.max_length and self.task.max_length - 1

    @override
    def texts(self, rows: list) -> list[dict[str, str]]:
        source, target = self.vocabularies
        sources = {index: [*ids, source.end_id] for index, (ids, _) in enumerate(rows)}
        generated = self.task.translate(sources)
        return [
            {
                "source": source.decode(ids),
                "prediction": target.decode(generated[index]),
                "reference": target.decode(reference),
            }
            for index, (ids, reference) in enumerate(rows)
        ]


SAMPLER_BY_HEAD_TYPE: dict[str, type[ObjectiveSampler]] = {
    "masked_lm": MaskedLMSampler,
    "seq2seq": Seq2SeqSampler,
}


def _select(lengths: np.ndarray, max_length: int | None, count: int) -> np.ndarray:
    """Return the indices of examples, spread evenly over the examples of the preferred length.

    If there are too few, the examples closest to the preferred length are selected.
    """
    distance = np.abs(lengths - np.clip(lengths, MIN_TOKENS, MAX_TOKENS)).astype("float64")
    distance[(lengths == 0) | (lengths > (max_length or np.inf))] = np.inf
    indices = np.flatnonzero(distance == 0)
    if len(indices) < count:
        nearest = np.argsort(distance, kind="stable")[:count]
        indices = np.sort(nearest[np.isfinite(distance[nearest])])
    count = min(count, len(indices))
    return indices[np.arange(count) * len(indices) // max(count, 1)]
