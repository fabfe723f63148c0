"""Embeddings of the stacks of a backbone, and the token embeddings that they may share."""

from typing import TYPE_CHECKING, Any

from archbuilder.network.embedding import Embeddings
from archbuilder.network.layer import embedding
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.layer_role import LayerRole

if TYPE_CHECKING:
    from archbuilder.network.backbone import BackboneConfig


def build_token_embeddings(
    config: "BackboneConfig", layers: LayerNamespace, name: str, size: int, distance_to_heads: int
) -> Any:
    """Return the token embeddings of a vocabulary.

    Args:
        config: The backbone.
        layers: `keras.layers` or a `ParameterCounter`.
        name: Name of the layer.
        size: Number of tokens in the vocabulary.
        distance_to_heads: Number of layers from the heads to the embeddings.
    """
    width = config.embeddings.embedding_dim or config.hidden_dim
    role = LayerRole("table", distance_to_heads=distance_to_heads)
    return embedding(layers, name, size, width, config.initializer, role)


def build_stack_embeddings(
    config: "BackboneConfig",
    layers: LayerNamespace,
    prefix: str,
    table: Any,
    role: LayerRole,
    position_role: LayerRole | None = None,
) -> Embeddings:
    """Return the embeddings of a stack.

    Args:
        config: The backbone.
        layers: `keras.layers` or a `ParameterCounter`.
        prefix: Prefix of the names of the layers: "decoder_" for the decoder of an encoder-decoder.
        table: Token embeddings.
        role: Role of the weights in training.
        position_role: Role of learned positions in training. Default: `role`.
    """
    initializer, dim = config.initializer, config.hidden_dim
    width = config.embeddings.embedding_dim or dim
    positions = config.positions.build(
        layers, f"{prefix}positions", width, initializer, position_role or role
    )
    name = f"{prefix}embeddings"
    return config.embeddings.build(layers, name, dim, initializer, table, positions, role)
