"""The embeddings of each stack of a backbone, and the tables of tokens that stacks may share."""

from typing import TYPE_CHECKING, Any

from archbuilder.network.embedding import Embeddings
from archbuilder.network.layer import embedding
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.layer_role import LayerRole

if TYPE_CHECKING:
    from archbuilder.network.backbone import BackboneConfig


def build_table(
    config: "BackboneConfig", layers: LayerNamespace, name: str, size: int, distance_to_heads: int
) -> Any:
    """Return a table of the embeddings of `size` tokens."""
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
        prefix: Prefix of the names of their weights: "decoder_" for a decoder beside an encoder.
        table: The table of the tokens.
        role: The role of the weights in training.
        position_role: The role of learned positions. Default: that of the other weights.
    """
    initializer, dim = config.initializer, config.hidden_dim
    width = config.embeddings.embedding_dim or dim
    positions = config.positions.build(
        layers, f"{prefix}positions", width, initializer, position_role or role
    )
    name = f"{prefix}embeddings"
    return config.embeddings.build(layers, name, dim, initializer, table, positions, role)
