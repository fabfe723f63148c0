"""The Keras graphs of a spec: the model that is saved and the graph that is trained."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archbuilder.network.backbone import BackboneConfig
from archbuilder.objectives import Objective

if TYPE_CHECKING:
    import keras


class ModelGraph:
    """The layers of a spec, and the Keras models that connect them.

    Attributes:
        model: The model that is saved: inputs and outputs are dictionaries of tensors.
        backbone: The embeddings and the stacks of layers, which generation calls step by step.
    """

    def __init__(
        self, name: str, architecture: BackboneConfig, objectives: Mapping[str, Objective]
    ) -> None:
        import keras

        self.name, self.architecture, self.objectives = name, architecture, objectives
        self.backbone = architecture.build(keras.layers)
        self._heads = {
            key: objective.build(keras.layers, key, self.backbone)
            for key, objective in objectives.items()
        }
        self.model = self.build_model()

    def training_graph(self, packed: bool = False) -> "keras.Model":
        """Return the graph that is trained.

        It is `model`, unless rows are packed or an objective has a generator.

        Args:
            packed: Whether a row may contain several examples.
        """
        import keras

        generators = [
            generator
            for name, objective in self.objectives.items()
            if (generator := objective.build_generator(keras.layers, name, self.backbone))
            is not None
        ]
        return self.build_model(packed, generators) if packed or generators else self.model

    def build_model(self, packed: bool = False, generators: Sequence[Any] = ()) -> "keras.Model":
        """Return a Keras model of the layers; all models of a graph share their weights.

        Args:
            packed: Whether the model takes rows of several examples.
            generators: Layers that corrupt the inputs, such as ELECTRA's generator.
        """
        import keras

        inputs = {name: _input(name) for name in self.architecture.inputs(packed)}
        backbone_inputs, outputs = dict(inputs), {}
        for generator in generators:
            own_inputs = {name: _input(name) for name in generator.inputs}
            backbone_inputs, generated = generator(backbone_inputs, own_inputs)
            outputs, inputs = outputs | generated, inputs | own_inputs
        outputs = self.backbone(backbone_inputs) | outputs
        for name, objective in self.objectives.items():
            own_inputs = {key: _input(key) for key in objective.inputs(name)}
            outputs[name] = self._heads[name](outputs, own_inputs)
            inputs |= own_inputs
        return keras.Model(inputs, outputs, name=_keras_name(self.name))


def _input(name: str) -> Any:
    import keras

    return keras.Input((None,), dtype="int32", name=name)


def _keras_name(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)
