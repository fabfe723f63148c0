"""The output projection to the vocabulary: its own matrix, or tied token embeddings."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from archbuilder.network.layer import bias, dense
from archbuilder.network.layer_namespace import LayerNamespace

if TYPE_CHECKING:
    from archbuilder.network.backbone import BackboneConfig


def build_output_projection(
    config: "BackboneConfig", layers: LayerNamespace, table: Any
) -> Callable[[Any], Any]:
    """Return the output projection, a function [B, T, D] -> [B, T, V].

    Args:
        config: The backbone.
        layers: `keras.layers` or a `ParameterCounter`.
        table: Token embeddings, which a tied projection uses.
    """
    size, use_bias = config.output_vocabulary_size, config.embeddings.output_bias
    if not config.embeddings.ties_output:
        return dense(
            layers, "output", config.hidden_dim, size, config.initializer, use_bias=use_bias
        )
    scale = config.hidden_dim**-0.5 if config.embeddings.scale_output else None
    return TiedProjection(table, scale, bias(layers, "output.bias", size) if use_bias else None)


class TiedProjection:
    """The projection with the transpose of the token embeddings."""

    def __init__(self, table: Any, scale: float | None, bias: Any) -> None:
        self.table, self.scale, self.bias = table, scale, bias

    def __call__(self, hidden: Any) -> Any:
        """Return logits [B, T, V] for hidden vectors [B, T, D]."""
        from keras import ops

        scaled = hidden if self.scale is None else hidden * self.scale
        logits = self.table(scaled, reverse=True)
        if self.bias is None:
            return logits
        return logits + self.bias(ops.zeros_like(hidden[:1, :1, 0], dtype="int32"))
