"""The ledger: stand-ins for Keras's layers whose `build` only counts, without Keras."""

from math import prod


class ParameterCounter:
    """A namespace to use in place of `keras.layers`.

    `weights` maps each layer's name to its weights' names and shapes, in the order they were built.
    A layer that is shared is built once and counted once.
    """

    def __init__(self) -> None:
        self.weights: dict[str, dict[str, tuple[int, ...]]] = {}

    def Dense(self, units, *, use_bias=True, name, **_):
        return _Entry(self, name, lambda shape: _dense(shape[-1], units, use_bias))

    def Embedding(self, rows, dim, *, name, **_):
        return _Entry(self, name, lambda shape: {"embeddings": (rows, dim)})

    ReversibleEmbedding = Embedding

    def EinsumDense(self, equation, output_shape, *, name, **_):
        return _Entry(self, name, lambda shape: {"kernel": shape[-1:]})

    def LayerNormalization(self, *, center=True, name, **_):
        weights = ("gamma", "beta") if center else ("gamma",)
        return _Entry(self, name, lambda shape: dict.fromkeys(weights, shape[-1:]))

    def RMSNormalization(self, *, name, **_):
        return _Entry(self, name, lambda shape: {"scale": shape[-1:]})

    def Dropout(self, rate, *, name, **_):
        return _Entry(self, name, lambda shape: {})

    Reshape = Activation = Dropout

    def total(self, part: str | None = None) -> int:
        """The number of parameters in all, or of the layer or group of layers called `part`."""
        return sum(
            prod(shape)
            for name, weights in self.weights.items()
            if part is None or name == part or name.startswith(f"{part}.")
            for shape in weights.values()
        )


def count_parameters(architecture, objectives: dict) -> ParameterCounter:
    """Return the counter of every weight of an architecture and of the objectives' heads on it."""
    counter = ParameterCounter()
    backbone = architecture.build(counter)
    for name, objective in objectives.items():
        objective.build(counter, name, backbone)
    return counter


class _Entry:
    compute_dtype = reverse_dtype = None

    def __init__(self, ledger, name, shapes):
        self.ledger, self.name, self.shapes = ledger, name, shapes

    def build(self, shape):
        self.ledger.weights[self.name] = self.shapes(shape)


def _dense(input_dim, units, use_bias):
    return {"kernel": (input_dim, units)} | ({"bias": (units,)} if use_bias else {})
