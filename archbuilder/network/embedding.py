"""Embeddings: the sum of token, segment and position vectors that a stack reads."""

from typing import Any, Literal

from pydantic import PositiveInt

from archbuilder.language import Spec
from archbuilder.network.initializer import Initializer
from archbuilder.network.layer import Probability, dense, dropout, embedding, identity
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.layer_role import HEAD, LayerRole
from archbuilder.network.norm import AnyNorm
from archbuilder.network.position import Position


class EmbeddingsConfig(Spec):
    """The sum of token, segment and position embeddings (Devlin et al., 2018, figure 2)."""

    tie: Literal["none", "input", "output", "all"]
    """Which embedding matrices are shared (Press and Wolf, 2017): `none`; `input`, the token
    embeddings of encoder and decoder; `output`, the output projection and the token embeddings of
    the stack that it follows; `all`, all three."""
    embedding_dim: PositiveInt | None = None
    """Width of the embeddings. Their sum is then projected to hidden_dim (factorized embeddings,
    Lan et al., 2020, section 3.1). Default: hidden_dim, without a projection."""
    scale: bool = False
    """Whether token embeddings are multiplied by the square root of hidden_dim (Vaswani et al.,
    2017, section 3.4)."""
    scale_output: bool = False
    """Whether the input of a tied output projection is divided by the square root of hidden_dim
    (Raffel et al., 2020, reference implementation)."""
    output_bias: bool = False
    """Whether a learned bias is added to the logits of a decoder, as in Marian (Junczys-Dowmunt et
    al., 2018)."""
    num_segments: PositiveInt | None = None
    """Number of segment ids, such as 2 for sentence pairs (token_type_ids of BERT). Default: no
    segment embeddings."""
    norm: AnyNorm | None = None
    """Normalization of the sum of the embeddings. Default: no normalization."""
    dropout: Probability = 0.0
    """Dropout rate of the sum of the embeddings, at least 0 and below 1."""

    @property
    def ties_output(self) -> bool:
        """Whether the output projection is the transpose of a token embedding matrix."""
        return self.tie in ("output", "all")

    @property
    def ties_input(self) -> bool:
        """Whether encoder and decoder share their token embeddings."""
        return self.tie in ("input", "all")

    def build(
        self,
        layers: LayerNamespace,
        name: str,
        dim: int,
        initializer: Initializer,
        tokens: Any,
        positions: Position,
        role: LayerRole = HEAD,
    ) -> "Embeddings":
        """Return the embeddings of one stack.

        Args:
            layers: `keras.layers` or a `ParameterCounter`.
            name: Name of the embeddings, a prefix of the names of their layers.
            dim: Width of the stack.
            initializer: Initializer of the weights.
            tokens: Token embeddings, which other stacks may share.
            positions: Position embeddings.
            role: Role of the weights in training.
        """
        return Embeddings(self, layers, name, dim, initializer, tokens, positions, role)


class Embeddings:
    """The sum of embeddings of width E, projected to width D of the stack."""

    def __init__(
        self,
        config: EmbeddingsConfig,
        layers: LayerNamespace,
        name: str,
        dim: int,
        initializer: Initializer,
        tokens: Any,
        positions: Position,
        role: LayerRole,
    ) -> None:
        self.tokens, self.positions = tokens, positions
        self.scale = dim**0.5 if config.scale else None
        width = config.embedding_dim or dim
        self.segments = None
        if config.num_segments:
            segments = f"{name}.segments"
            self.segments = embedding(
                layers, segments, config.num_segments, width, initializer, role
            )
        norm = config.norm
        self.norm = norm.build(layers, f"{name}.norm", width, role) if norm else identity
        self.dropout = dropout(layers, f"{name}.dropout", config.dropout)
        self.projection = identity
        if config.embedding_dim:
            projection = f"{name}.projection"
            self.projection = dense(layers, projection, width, dim, initializer, role=role)

    def __call__(self, token_ids: Any, positions: Any, segment_ids: Any = None) -> Any:
        """Return [B, T, D] for ids [B, T] and positions [B or 1, T]."""
        hidden = self.tokens(token_ids)  # [B, T, E]
        if self.scale:
            hidden = hidden * self.scale
        if self.segments is not None:
            hidden = hidden + self.segments(segment_ids)
        hidden = hidden + self.positions(positions, hidden.dtype)
        return self.projection(self.dropout(self.norm(hidden)))
