"""The Keras graphs of a spec: the model that is saved and the graph that is trained."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archbuilder.network.backbone import BackboneConfig
from archbuilder.objectives import Objective

if TYPE_CHECKING:
    import keras


class ModelGraph:
    """A network built as a Keras graph: `.model`, and the parts that decoding steps through."""

    def __init__(
        self, name: str, architecture: BackboneConfig, objectives: Mapping[str, Objective]
    ):
        import keras

        self.name, self.architecture, self.objectives = name, architecture, objectives
        self.parts = architecture.build(keras.layers)
        self._heads = {
            key: objective.build(keras.layers, key, self.parts)
            for key, objective in objectives.items()
        }
        self.model = self.draw()

    def training_graph(self, packed: bool = False) -> "keras.Model":
        """Return the graph that is trained.

        It is the model, unless rows are packed or an objective has a generator.
        """
        import keras

        generators = {
            name: objective.build_generator(keras.layers, name, self.parts)
            for name, objective in self.objectives.items()
        }
        generators = [one for one in generators.values() if one is not None]
        return self.draw(packed, generators) if packed or generators else self.model

    def draw(self, packed: bool = False, generators: Sequence[Any] = ()) -> "keras.Model":
        """Return a graph over the same weights; a `packed` one reads rows of several examples."""
        import keras

        inputs = {name: _input(name) for name in self.architecture.inputs(packed)}
        read, outputs = dict(inputs), {}
        for generator in generators:
            own = {name: _input(name) for name in generator.inputs}
            read, generated = generator(read, own)
            outputs, inputs = outputs | generated, inputs | own
        outputs = self.parts(read) | outputs
        for name, objective in self.objectives.items():
            own = {key: _input(key) for key in objective.inputs(name)}
            outputs[name] = self._heads[name](outputs, own)
            inputs |= own
        return keras.Model(inputs, outputs, name=_keras_name(self.name))


def _input(name: str) -> Any:
    import keras

    return keras.Input((None,), dtype="int32", name=name)


def _keras_name(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)
