"""Objectives that classify pairs of segments by the pooled output."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from typing_extensions import override

from archbuilder.language import Problem
from archbuilder.network.backbone import Backbone, BackboneConfig
from archbuilder.network.layer import dense
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.objectives.classification import ClassificationObjective
from archbuilder.objectives.objective import ExamplesClass, Head, Rate
from archbuilder.text.batch import PAIR_CLASS, Batch, Target
from archbuilder.text.examples import Limits
from archbuilder.text.examples.pairs import Pairs
from archbuilder.text.token_store import Tokens
from archbuilder.text.vocabularies import Vocabularies
from archbuilder.text.vocabulary import Vocabulary


class PairObjective(ClassificationObjective):
    """The interface of pair objectives, whose examples are pairs, half of each class."""

    short_pair_rate: Rate = 0.1
    """Fraction of pairs that are shorter than sequence_length, with a length that is sampled
    between 2 and sequence_length, so that the model also learns from short input (as in the
    reference implementation of BERT)."""

    head_type: ClassVar[str] = "pair_classification"
    examples: ClassVar[ExamplesClass]
    needs_pooled_output: ClassVar[bool] = True

    @abstractmethod
    def make_examples(self, tokens: Tokens, vocabularies: Vocabularies, limits: Limits) -> Pairs:
        """Return the pairs of a text."""

    @override
    def build(self, layers: LayerNamespace, name: str, backbone: Backbone) -> Head:
        head = dense(layers, name, backbone.config.hidden_dim, 2, backbone.config.initializer)
        return lambda outputs, inputs: head(outputs["pooled_output"])  # [B, D] -> [B, 2]

    @override
    def prepare_batch(
        self, name: str, batch: Batch, rng: "np.random.Generator", vocabulary: Vocabulary
    ) -> None:
        classes = batch.columns.pop(PAIR_CLASS)
        batch.targets[name] = Target(classes, (classes >= 0).astype("float32"))

    @override
    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        if model.pooler is None:
            yield Problem((), "needs a pooled output; set model.pooler")
        if (model.embeddings.num_segments or 0) < 2:
            yield Problem(
                (),
                "needs model.embeddings.num_segments of at least 2, not "
                f"{model.embeddings.num_segments or 'null'}",
            )
