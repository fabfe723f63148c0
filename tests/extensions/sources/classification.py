"""Classification of documents by the pooled output (Devlin et al., 2018, section 4.1)."""

from typing import ClassVar, Literal

import numpy as np
from archbuilder.text.examples.labeled_documents import LabeledDocuments

from archbuilder.network.layer import dense
from archbuilder.objectives.classification import ClassificationObjective
from archbuilder.text.batch import Target
from archbuilder.text.record import LABEL


class Classification(ClassificationObjective):
    """Prediction of the label of a document."""

    type: Literal["classification"]
    labels: tuple[str, ...]
    """Names of the classes, sorted."""

    head_type: ClassVar[str] = "classification"
    examples: ClassVar = LabeledDocuments
    needs_pooled_output: ClassVar[bool] = True

    def build(self, layers, name, backbone):
        classes, initializer = len(self.labels), backbone.config.initializer
        head = dense(layers, name, backbone.config.hidden_dim, classes, initializer)
        return lambda outputs, inputs: head(outputs["pooled_output"])  # [B, D] -> [B, C]

    def prepare_batch(self, name, batch, rng, vocabulary):
        classes = batch.columns.pop(LABEL)
        batch.targets[name] = Target(classes, np.ones(len(classes), "float32"))
