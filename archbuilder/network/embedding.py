"""What stands below the first layer: a vector for each token, its segment and its position."""

from typing import Literal

from pydantic import PositiveInt

from archbuilder.language import Spec
from archbuilder.network.layer import Rate, dropout, embedding, unchanged
from archbuilder.network.norm import Norm


class Embeddings(Spec):
    """The sum of token, segment and position embeddings (Devlin et al., 2018, figure 2)."""

    tie: Literal["none", "output", "all"]
    """Which tables are one matrix: none; the output projection with the table of the stack that
    it follows; or that and the source's table, too (Press and Wolf, 2017)."""
    scale: bool = False
    """Multiply token embeddings by the root of hidden_dim (Vaswani et al., 2017, section 3.4)."""
    num_segments: PositiveInt | None = None
    """Kinds of segment, such as 2 for sentence pairs; nothing where the model knows of none."""
    norm: Norm | None = None
    """Normalisation of the sum."""
    dropout: Rate = 0.0
    """Share of the sum dropped in training."""

    def build(self, layers, name: str, dim: int, initializer, tokens, positions):
        """The embeddings of one stack; others may share its tables, `tokens` and `positions`."""
        return EmbeddingSum(self, layers, name, dim, initializer, tokens, positions)


class EmbeddingSum:
    """The part of `Embeddings`."""

    def __init__(self, spec, layers, name, dim, initializer, tokens, positions):
        self.tokens, self.positions = tokens, positions
        self.scale = dim**0.5 if spec.scale else None
        self.segments = (
            embedding(layers, f"{name}.segments", spec.num_segments, dim, initializer)
            if spec.num_segments
            else None
        )
        self.norm = spec.norm.build(layers, f"{name}.norm", dim) if spec.norm else unchanged
        self.dropout = dropout(layers, f"{name}.dropout", spec.dropout)

    def __call__(self, token_ids, positions, segment_ids=None):
        """[B, T, D] from ids [B, T]; `positions` is [B or 1, T]."""
        hidden = self.tokens(token_ids)
        if self.scale:
            hidden = hidden * self.scale
        if self.segments is not None:
            hidden = hidden + self.segments(segment_ids)
        hidden = hidden + self.positions(positions, hidden.dtype)
        return self.dropout(self.norm(hidden))
