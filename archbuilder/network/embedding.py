"""What stands below the first layer: a vector for each token, its segment and its position."""

from typing import Literal

from pydantic import PositiveInt

from archbuilder.language import Spec
from archbuilder.network.layer import Probability, dense, dropout, embedding, identity
from archbuilder.network.norm import AnyNorm


class EmbeddingsConfig(Spec):
    """The sum of token, segment and position embeddings (Devlin et al., 2018, figure 2)."""

    tie: Literal["none", "input", "output", "all"]
    """Which tables are one matrix: none; the two that source and target are looked up in; the
    output projection with the table of the stack that it follows; or all three (Press and Wolf,
    2017)."""
    embedding_dim: PositiveInt | None = None
    """Width of the tables, whose sum is projected to hidden_dim (Lan et al., 2020, section 3.1);
    hidden_dim, and nothing is projected, unless told."""
    scale: bool = False
    """Multiply token embeddings by the root of hidden_dim (Vaswani et al., 2017, section 3.4)."""
    scale_output: bool = False
    """Divide by the root of hidden_dim what a tied table projects on the vocabulary (Raffel et al.,
    2020, reference implementation)."""
    output_bias: bool = False
    """Add a number of its own to the score of each token that a decoder may write, as Marian does
    (Junczys-Dowmunt et al., 2018)."""
    num_segments: PositiveInt | None = None
    """Kinds of segment, such as 2 for sentence pairs; nothing where the model knows of none."""
    norm: AnyNorm | None = None
    """Normalisation of the sum."""
    dropout: Probability = 0.0
    """Share of the sum dropped in training."""

    @property
    def ties_output(self) -> bool:
        """Whether the output projection is a table that tokens are looked up in."""
        return self.tie in ("output", "all")

    @property
    def ties_input(self) -> bool:
        """Whether source and target are looked up in one table."""
        return self.tie in ("input", "all")

    def build(self, layers, name: str, dim: int, initializer, tokens, positions):
        """The embeddings of one stack; others may share its tables, `tokens` and `positions`."""
        return Embeddings(self, layers, name, dim, initializer, tokens, positions)


class Embeddings:
    """The layer of `EmbeddingsConfig`; E is the width of the tables."""

    def __init__(self, spec: EmbeddingsConfig, layers, name, dim, initializer, tokens, positions):
        self.tokens, self.positions = tokens, positions
        self.scale = dim**0.5 if spec.scale else None
        width = spec.embedding_dim or dim
        self.segments = (
            embedding(layers, f"{name}.segments", spec.num_segments, width, initializer)
            if spec.num_segments
            else None
        )
        self.norm = spec.norm.build(layers, f"{name}.norm", width) if spec.norm else identity
        self.dropout = dropout(layers, f"{name}.dropout", spec.dropout)
        self.projection = (
            dense(layers, f"{name}.projection", width, dim, initializer)
            if spec.embedding_dim
            else identity
        )

    def __call__(self, token_ids, positions, segment_ids=None):
        """[B, T, D] from ids [B, T]; `positions` is [B or 1, T]."""
        hidden = self.tokens(token_ids)  # [B, T, E]
        if self.scale:
            hidden = hidden * self.scale
        if self.segments is not None:
            hidden = hidden + self.segments(segment_ids)
        hidden = hidden + self.positions(positions, hidden.dtype)
        return self.projection(self.dropout(self.norm(hidden)))
