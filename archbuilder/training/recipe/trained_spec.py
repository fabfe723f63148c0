"""The interface of a spec that can be trained."""

from typing import Protocol

from archbuilder.batches.training_data import BatchedSpec
from archbuilder.graph import ModelGraph
from archbuilder.language import SavedSpec
from archbuilder.training.recipe.recipe import Training


class TrainedSpec(BatchedSpec, SavedSpec, Protocol):
    """A spec with all sections that training depends on; see `Experiment.for_training`."""

    @property
    def name(self) -> str:
        """The name of the experiment."""
        ...

    @property
    def training(self) -> Training:
        """The training recipe."""
        ...

    def model_graph(self) -> ModelGraph:
        """Build the Keras models of the spec."""
        ...
