"""The interface of a spec that is trained."""

from typing import Protocol

from archbuilder.batches.training_data import BatchedSpec
from archbuilder.graph import ModelGraph
from archbuilder.language import SavedSpec
from archbuilder.training.recipe.recipe import Training


class TrainedSpec(BatchedSpec, SavedSpec, Protocol):
    """A spec with all sections that training reads; see `Experiment.for_training`."""

    @property
    def name(self) -> str: ...

    @property
    def training(self) -> Training: ...

    def network(self) -> ModelGraph:
        """Return the Keras model together with the parts it is made of."""
        ...
