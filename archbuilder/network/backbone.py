"""The network below the heads of the objectives: embeddings, stacks and pooler."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, PositiveInt

from archbuilder.language import Problem, Spec, at_key
from archbuilder.network.attention_mask import (
    AttentionContext,
    TokenPositions,
    key_mask,
    mask_bias,
    position_ids,
)
from archbuilder.network.embedding import EmbeddingsConfig
from archbuilder.network.feed_forward import load_balancing_loss
from archbuilder.network.initializer import AnyInitializer, GlorotUniform
from archbuilder.network.layer import bias, dense, embedding
from archbuilder.network.pooler import AnyPooler
from archbuilder.network.position import AnyPosition, LearnedConfig, SinusoidalConfig
from archbuilder.network.residual import Depths
from archbuilder.network.stack import StackConfig
from archbuilder.network.stack_layer import Site

Size = Annotated[int, Field(ge=1, lt=2**31)]
"""As many kinds of token as ids, int32, can tell apart."""


class BackboneConfig(Spec):
    """An encoder and a decoder (Vaswani et al., 2017), or one of them alone.

    Radford et al., 2018, have the decoder, and Devlin et al., 2018, the encoder.
    """

    hidden_dim: PositiveInt
    """Width of the vectors that flow through the stacks."""
    vocabulary_size: Size
    """Kinds of token; the tokenizer is trained to it."""
    target_vocabulary_size: Size | None = None
    """Kinds of token of the decoder, where it writes with a tokenizer of its own."""
    embeddings: EmbeddingsConfig
    """What stands below the first layer, and which tables are shared."""
    positions: AnyPosition
    """How the model knows the order of its tokens."""
    encoder: StackConfig | None = None
    """The stack that reads in both directions."""
    decoder: StackConfig | None = None
    """The stack that writes from left to right, looking at the encoder's output if there is one."""
    pooler: AnyPooler | None = None
    """How the encoder's output becomes one vector."""
    initializer: AnyInitializer = GlorotUniform(type="glorot_uniform")
    """How weights begin."""

    @property
    def max_sequence_length(self) -> int | None:
        """The most tokens that a sequence may have; None where there is no such limit."""
        return (
            self.positions.max_sequence_length
            if isinstance(self.positions, LearnedConfig)
            else None
        )

    @property
    def is_encoder_decoder(self) -> bool:
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
        if self.is_encoder_decoder:
            return [f"{side}_{name}" for side in ("encoder", "decoder") for name in names]
        return [*names, "segment_ids"] if self.embeddings.num_segments else names

    @property
    def output_vocabulary_size(self) -> int:
        """Kinds of token that the network writes: the decoder's, where there is one."""
        return self.target_vocabulary_size or self.vocabulary_size

    @property
    def output_projection_dim(self) -> int:
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

    def build(self, layers) -> "Backbone":
        return Backbone(self, layers)

    def problems(self) -> Iterator[Problem]:
        """What no single field can know."""
        if self.encoder is None and self.decoder is None:
            yield Problem((), "a model has an encoder, a decoder, or both; this one has neither")
        for side in ("encoder", "decoder"):
            stack = getattr(self, side)
            if stack is not None:
                causal, longest = side == "decoder", self.max_sequence_length
                site = Site(self.hidden_dim, causal, causal and self.is_encoder_decoder, longest)
                yield from at_key(side, stack.problems(site))
        yield from self._embeddings_that_do_not_fit()
        if self.target_vocabulary_size is not None and not self.is_encoder_decoder:
            lacks = "decoder" if self.decoder is None else "encoder"
            yield Problem(("target_vocabulary_size",), _ONE_VOCABULARY[lacks])
        if self.decoder is not None and self.pooler is not None:
            yield Problem(
                ("pooler",), "the pooled vector has no use in a model with a decoder; leave it out"
            )

    def _embeddings_that_do_not_fit(self) -> Iterator[Problem]:
        spec = self.embeddings
        width = spec.embedding_dim or self.hidden_dim
        if isinstance(self.positions, SinusoidalConfig) and width % 2:
            path = ("embeddings", "embedding_dim") if spec.embedding_dim else ("hidden_dim",)
            yield Problem(path, f"sinusoidal positions come in pairs: it must be even, not {width}")
        if spec.ties_input and not self.is_encoder_decoder:
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


class Backbone:
    """The built network. Every layer is made here or by a head, none in a call."""

    def __init__(self, spec, layers):
        self.spec, self._layers, self._projection = spec, layers, None
        self.encoder: Any = None
        self.decoder: Any = None
        self.pooler: Any = None
        self.table = self._table("embeddings.tokens", spec.vocabulary_size)
        embeddings = self._embeddings("")
        if spec.encoder is not None:
            self.encoder_embeddings = embeddings
            self.encoder = self._stack("encoder")
        if spec.decoder is not None:
            self.decoder_embeddings = embeddings
            if spec.encoder is not None:
                if not spec.embeddings.ties_input:
                    self.table = self._table(
                        "decoder_embeddings.tokens", spec.output_vocabulary_size
                    )
                self.decoder_embeddings = self._embeddings("decoder_")
            self.decoder = self._stack("decoder")
        if spec.pooler is not None:
            self.pooler = spec.pooler.build(layers, "pooler", spec.hidden_dim, spec.initializer)

    def _table(self, name: str, size: int):
        width = self.spec.embeddings.embedding_dim or self.spec.hidden_dim
        return embedding(self._layers, name, size, width, self.spec.initializer)

    def _embeddings(self, prefix: str):
        """The sum below a stack, of the table that was made last."""
        spec, layers = self.spec, self._layers
        dim, initializer = spec.hidden_dim, spec.initializer
        width = spec.embeddings.embedding_dim or dim
        positions = spec.positions.build(layers, f"{prefix}positions", width, initializer)
        return spec.embeddings.build(
            layers, f"{prefix}embeddings", dim, initializer, self.table, positions
        )

    def _stack(self, side: str):
        spec = self.spec
        return getattr(spec, side).build(
            self._layers,
            side,
            spec.hidden_dim,
            spec.initializer,
            causal=side == "decoder",
            depths=spec.depths(side),
        )

    def project(self):
        """The projection on the vocabulary, [B, T, D] -> [B, T, V]; made when a head first asks."""
        if self._projection is None:
            self._projection = self._drawn_projection()
        return self._projection

    def _drawn_projection(self):
        spec, layers, dim = self.spec, self._layers, self.spec.hidden_dim
        size, use_bias = spec.output_vocabulary_size, spec.embeddings.output_bias
        if not spec.embeddings.ties_output:
            return dense(layers, "output", dim, size, spec.initializer, use_bias=use_bias)
        scale = dim**-0.5 if spec.embeddings.scale_output else None
        added = bias(layers, "output.bias", size) if use_bias else None

        def tied(hidden):
            from keras import ops

            logits = self.table(hidden if scale is None else hidden * scale, reverse=True)
            if added is None:
                return logits
            return logits + added(ops.zeros_like(hidden[:1, :1, 0], dtype="int32"))

        return tied

    def __call__(self, inputs: dict) -> dict:
        """The streams that heads read.

        `sequence` [B, S, D] is the encoder's output, or that of a decoder alone; `pooled` [B, D]
        the pooler's, and `decoder_sequence` [B, T, D] the decoder's; those that the network has.
        `load_balancing` [B] is to be added to the loss, where experts are to be used evenly.
        """
        routing = {"": [], "encoder_": [], "decoder_": []}
        if self.spec.is_encoder_decoder:
            source, target = (_side(inputs, prefix) for prefix in ("encoder_", "decoder_"))
            memory = self.encode(**source, routing=routing["encoder_"])
            decoded = self.decode(
                **target,
                memory=memory,
                memory_padding_mask=source["padding_mask"],
                memory_packing_ids=source.get("packing_ids"),
                routing=routing["decoder_"],
            )
            streams = {"sequence": memory, "decoder_sequence": decoded}
        else:
            read = self.decode if self.encoder is None else self.encode
            streams = {"sequence": read(**inputs, routing=routing[""])}
        if self.pooler is not None:
            streams["pooled"] = self.pooler(streams["sequence"])
        losses = [
            load_balancing_loss(chosen, inputs[f"{prefix}padding_mask"])
            for prefix, chosen in routing.items()
            if chosen
        ]
        if losses:
            streams["load_balancing"] = sum(losses[1:], losses[0])
        return streams

    def encode(
        self,
        token_ids,
        padding_mask,
        segment_ids=None,
        packing_ids=None,
        packing_positions=None,
        routing=None,
        encoder=None,
    ):
        """[B, S, D] from ids and mask [B, S]; the mask is 1 at real tokens and 0 at padding.

        Where rows are packed, `packing_ids` [B, S] says which example a token belongs to and
        `packing_positions` [B, S] its place in that. `encoder` may be another than the network's.
        """
        places = position_ids(token_ids) if packing_positions is None else packing_positions
        hidden = self.encoder_embeddings(token_ids, places, segment_ids)
        places = TokenPositions(places, places, key_mask(padding_mask, packing_ids, packing_ids))
        return (encoder or self.encoder)(hidden, places, [] if routing is None else routing)

    def decode(
        self,
        token_ids,
        padding_mask,
        memory=None,
        memory_padding_mask=None,
        packing_ids=None,
        packing_positions=None,
        memory_packing_ids=None,
        routing=None,
    ):
        """[B, T, D]: each token sees itself, those before it, and the memory [B, S, D]."""
        places = position_ids(token_ids) if packing_positions is None else packing_positions
        hidden = self.decoder_embeddings(token_ids, places)
        places = TokenPositions(places, places, key_mask(padding_mask, packing_ids, packing_ids))
        routing, sight = [] if routing is None else routing, None
        if memory is not None:
            allowed = key_mask(memory_padding_mask, packing_ids, memory_packing_ids)
            sight = AttentionContext(mask_bias(allowed, hidden.dtype))
        return self.decoder(hidden, places, routing, memory, sight)

    def decode_step(self, token_ids, index, caches, memories, memory_padding_mask=None):
        """One token for each row, [B, 1], at position `index`: its [B, 1, D] and the new caches.

        `caches` are at first `decoder.empty_caches`; `memories` what `decoder.remember` gives.
        """
        from keras import ops

        place = ops.full((1, 1), index, dtype="int32")
        hidden = self.decoder_embeddings(token_ids, place)
        places = TokenPositions(place, ops.arange(caches[0][0].shape[2])[None])
        sight = None
        if memory_padding_mask is not None:
            sight = AttentionContext(mask_bias(key_mask(memory_padding_mask), hidden.dtype))
        return self.decoder.step(hidden, caches, index, places, memories, sight)


def _side(inputs: dict, prefix: str) -> dict:
    """The inputs of one stack, without the prefix of their names."""
    return {name.removeprefix(prefix): x for name, x in inputs.items() if name.startswith(prefix)}
