"""The whole network below the objectives' heads: tables, stacks and pooler, and who shares what."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, PositiveInt

from archbuilder.language import Problem, Spec, at_key
from archbuilder.network.backbone import Backbone
from archbuilder.network.embedding import Embeddings
from archbuilder.network.initializer import GlorotUniform, Initializer
from archbuilder.network.pooler import Pooler
from archbuilder.network.position import Learned, Positions, Sinusoidal
from archbuilder.network.residual import Depths
from archbuilder.network.stack import Stack
from archbuilder.network.stack_layer import Site

Size = Annotated[int, Field(ge=1, lt=2**31)]
"""As many kinds of token as ids, int32, can tell apart."""


class Architecture(Spec):
    """An encoder and a decoder (Vaswani et al., 2017), or one of them alone.

    Radford et al., 2018, have the decoder, and Devlin et al., 2018, the encoder.
    """

    hidden_dim: PositiveInt
    """Width of the vectors that flow through the stacks."""
    vocabulary_size: Size
    """Kinds of token; the tokenizer is trained to it."""
    target_vocabulary_size: Size | None = None
    """Kinds of token of the decoder, where it writes with a tokenizer of its own."""
    embeddings: Embeddings
    """What stands below the first layer, and which tables are shared."""
    positions: Positions
    """How the model knows the order of its tokens."""
    encoder: Stack | None = None
    """The stack that reads in both directions."""
    decoder: Stack | None = None
    """The stack that writes from left to right, looking at the encoder's output if there is one."""
    pooler: Pooler | None = None
    """How the encoder's output becomes one vector."""
    initializer: Initializer = GlorotUniform(type="glorot_uniform")
    """How weights begin."""

    @property
    def max_sequence_length(self) -> int | None:
        """The most tokens that a sequence may have; None where there is no such limit."""
        return self.positions.max_sequence_length if isinstance(self.positions, Learned) else None

    @property
    def translates(self) -> bool:
        """Whether there is an encoder and a decoder that reads it."""
        return self.encoder is not None and self.decoder is not None

    def layer_counts(self) -> dict[str, int]:
        """How many layers each stack has."""
        stacks = {"encoder": self.encoder, "decoder": self.decoder}
        return {name: stack.num_layers for name, stack in stacks.items() if stack is not None}

    def inputs(self, packed: bool = False) -> list[str]:
        """The names of the network's inputs, each int32 [B, T]; `packed`: where rows are."""
        names = [
            "token_ids",
            "padding_mask",
            *(["packing_ids", "packing_positions"] if packed else []),
        ]
        if self.translates:
            return [f"{side}_{name}" for side in ("encoder", "decoder") for name in names]
        return [*names, "segment_ids"] if self.embeddings.num_segments else names

    @property
    def written_vocabulary_size(self) -> int:
        """Kinds of token that the network writes: the decoder's, where there is one."""
        return self.target_vocabulary_size or self.vocabulary_size

    @property
    def written_dim(self) -> int:
        """Width of the vectors that are projected on the vocabulary."""
        tied = self.embeddings.ties_output
        return (self.embeddings.embedding_dim if tied else None) or self.hidden_dim

    def depths(self, side: str) -> Depths:
        """The layers of one stack, and of the one that it reads or is read by."""
        own, other = (
            getattr(self, name).num_layers if getattr(self, name) else 0
            for name in (("encoder", "decoder") if side == "encoder" else ("decoder", "encoder"))
        )
        return Depths(own, other, reads=bool(other) and side == "decoder")

    def build(self, layers) -> Backbone:
        return Backbone(self, layers)

    def problems(self) -> Iterator[Problem]:
        """What no single field can know."""
        if self.encoder is None and self.decoder is None:
            yield Problem((), "a model has an encoder, a decoder, or both; this one has neither")
        for side in ("encoder", "decoder"):
            stack = getattr(self, side)
            if stack is not None:
                causal, longest = side == "decoder", self.max_sequence_length
                site = Site(self.hidden_dim, causal, causal and self.translates, longest)
                yield from at_key(side, stack.problems(site))
        yield from self._embeddings_that_do_not_fit()
        if self.target_vocabulary_size is not None and not self.translates:
            lacks = "decoder" if self.decoder is None else "encoder"
            yield Problem(("target_vocabulary_size",), _ONE_VOCABULARY[lacks])
        if self.decoder is not None and self.pooler is not None:
            yield Problem(
                ("pooler",), "the pooled vector has no use in a model with a decoder; leave it out"
            )

    def _embeddings_that_do_not_fit(self) -> Iterator[Problem]:
        spec = self.embeddings
        width = spec.embedding_dim or self.hidden_dim
        if isinstance(self.positions, Sinusoidal) and width % 2:
            path = ("embeddings", "embedding_dim") if spec.embedding_dim else ("hidden_dim",)
            yield Problem(path, f"sinusoidal positions come in pairs: it must be even, not {width}")
        if spec.ties_input and not self.translates:
            lacks = "decoder" if self.decoder is None else "encoder"
            instead = "output" if spec.tie == "all" else "none"
            yield Problem(
                ("embeddings", "tie"),
                f"there is no {lacks}, so there are only two tables to tie: write '{instead}'",
            )
        if spec.ties_input and self.target_vocabulary_size is not None:
            instead = "'output' or 'none'" if spec.tie == "all" else "'none'"
            yield Problem(
                ("embeddings", "tie"), f"two vocabularies cannot share one table: write {instead}"
            )
        if spec.scale_output and not spec.ties_output:
            yield Problem(("embeddings", "scale_output"), "only a tied output is scaled")
        if spec.output_bias and self.decoder is None:
            yield Problem(
                ("embeddings", "output_bias"),
                "there is no decoder, and what guesses masked tokens has a bias of its own",
            )
        if spec.embedding_dim and spec.ties_output and self.decoder is not None:
            yield Problem(
                ("embeddings", "embedding_dim"),
                "a tied output would read vectors of this width, and a decoder gives hidden_dim",
            )
        if spec.num_segments and self.decoder is not None:
            yield Problem(
                ("embeddings", "num_segments"),
                "segments belong to sentence pairs, which a model with a decoder does not read",
            )


_ONE_VOCABULARY = {
    "decoder": "there is no decoder that would write it",
    "encoder": "there is no encoder that would read another",
}
