"""The network below the heads of the objectives: embeddings, stacks and pooler."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from pydantic import Field, PositiveInt

from archbuilder.language import Problem, Spec
from archbuilder.network import backbone_checks
from archbuilder.network.attention_mask import (
    AttentionContext,
    TokenPositions,
    key_mask,
    mask_bias,
    position_ids,
)
from archbuilder.network.embedding import Embeddings, EmbeddingsConfig
from archbuilder.network.feed_forward import LOAD_BALANCING, load_balancing_loss
from archbuilder.network.initializer import AnyInitializer, GlorotUniform
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.layer_role import HEAD, LayerRole
from archbuilder.network.output_projection import build_output_projection
from archbuilder.network.pooler import AnyPooler
from archbuilder.network.position import AnyPosition
from archbuilder.network.stack import Stack, StackConfig
from archbuilder.network.stack_embeddings import build_stack_embeddings, build_table
from archbuilder.text.batch import TOKEN_SEQUENCES

Size = Annotated[int, Field(ge=1, lt=2**31)]
"""Number of tokens that int32 ids can tell apart."""


class BackboneConfig(Spec):
    """An encoder and a decoder (Vaswani et al., 2017), or one of them alone.

    Radford et al., 2018, have the decoder, and Devlin et al., 2018, the encoder.
    """

    hidden_dim: PositiveInt
    """Width of the vectors that flow through the stacks."""
    vocabulary_size: Size
    """Number of tokens in the vocabulary; the tokenizer is trained to it."""
    target_vocabulary_size: Size | None = None
    """Number of tokens in the decoder's vocabulary, where it has a tokenizer of its own."""
    embeddings: EmbeddingsConfig
    """The input of the first layer, and which tables are shared."""
    positions: AnyPosition
    """How the model knows the order of its tokens."""
    encoder: StackConfig | None = None
    """The stack that attends in both directions."""
    decoder: StackConfig | None = None
    """The stack that generates from left to right, and attends to the encoder if there is one."""
    pooler: AnyPooler | None = None
    """How the encoder's output becomes one vector."""
    initializer: AnyInitializer = GlorotUniform(type="glorot_uniform")
    """How weights are initialized."""

    @property
    def max_sequence_length(self) -> int | None:
        """The longest sequence, in tokens; None where there is no limit."""
        return self.positions.longest()

    @property
    def is_encoder_decoder(self) -> bool:
        """Whether there is an encoder and a decoder that attends to it."""
        return self.encoder is not None and self.decoder is not None

    @property
    def has_load_balancing_loss(self) -> bool:
        """Whether the backbone has an output `load_balancing`, which is added to the loss."""
        stacks = (self.encoder, self.decoder)
        layers = (layer for stack in stacks if stack is not None for layer in stack.layers)
        return any(layer.feed_forward.has_load_balancing_loss for layer in layers)

    def layer_counts(self) -> dict[str, int]:
        """Return the number of layers of each stack."""
        stacks = {"encoder": self.encoder, "decoder": self.decoder}
        return {name: stack.num_layers for name, stack in stacks.items() if stack is not None}

    def inputs(self, packed: bool = False) -> list[str]:
        """Return the names of the inputs, each int32 [B, T]; `packed`: of packed rows."""
        packing = ["packing_ids", "packing_positions"] if packed else []
        names = ["token_ids", "padding_mask", *packing]
        if self.is_encoder_decoder:
            return [f"{side}_{name}" for side in ("encoder", "decoder") for name in names]
        return [*names, "segment_ids"] if self.embeddings.num_segments else names

    @property
    def output_vocabulary_size(self) -> int:
        """Number of tokens that the network predicts: the decoder's, where there is one."""
        return self.target_vocabulary_size or self.vocabulary_size

    @property
    def output_projection_dim(self) -> int:
        """Width of the vectors that are projected on the vocabulary."""
        tied = self.embeddings.ties_output
        return (self.embeddings.embedding_dim if tied else None) or self.hidden_dim

    def layer_context(self, side: str) -> LayerContext:
        """Return the context of the first layer of a stack, "encoder" or "decoder"."""
        counts, causal = self.layer_counts(), side == "decoder"
        return LayerContext(
            width=self.hidden_dim,
            depth=counts[side],
            causal=causal,
            initializer=self.initializer,
            memory=causal and self.is_encoder_decoder,
            other_depth=counts.get("encoder" if causal else "decoder", 0),
            max_sequence_length=self.max_sequence_length,
        )

    def build(self, layers: LayerNamespace) -> "Backbone":
        """Return the network; `layers` is `keras.layers` or a `ParameterCounter`."""
        return Backbone(self, layers)

    def problems(self) -> Iterator[Problem]:
        """Yield what no single field can know."""
        yield from backbone_checks.problems(self)


class Backbone:
    """The built network. Every layer is made here or by a head, none in a call."""

    def __init__(self, spec: BackboneConfig, layers: LayerNamespace) -> None:
        self.config, self._layers = spec, layers
        self._projection: Callable[[Any], Any] | None = None
        self.encoder: Any = None
        self.decoder: Any = None
        self.pooler: Any = None
        depths = spec.layer_counts()
        below = max(depths.values(), default=0) + 1
        self.table = build_table(spec, layers, "embeddings.tokens", spec.vocabulary_size, below)
        role = LayerRole(distance_to_heads=below)
        embeddings = build_stack_embeddings(spec, layers, "", self.table, role)
        if spec.encoder is not None:
            self.encoder_embeddings = embeddings
            self.encoder = self._stack("encoder", spec.encoder)
        if spec.decoder is not None:
            self.decoder_embeddings = embeddings
            if spec.encoder is not None:
                self.decoder_embeddings = self._decoder_embeddings(depths["decoder"] + 1)
            self.decoder = self._stack("decoder", spec.decoder)
        if spec.pooler is not None:
            self.pooler = spec.pooler.build(layers, "pooler", spec.hidden_dim, spec.initializer)

    def _decoder_embeddings(self, distance_to_heads: int) -> Embeddings:
        """Return the embeddings of a decoder beside an encoder."""
        spec, layers, role = (
            self.config,
            self._layers,
            LayerRole(distance_to_heads=distance_to_heads),
        )
        if not spec.embeddings.ties_input:
            name, size = "decoder_embeddings.tokens", spec.output_vocabulary_size
            self.table = build_table(spec, layers, name, size, distance_to_heads)
        # Layer-wise rates have never applied to the learned positions of such a decoder.
        return build_stack_embeddings(spec, layers, "decoder_", self.table, role, HEAD)

    def _stack(self, side: str, stack: StackConfig) -> Stack:
        return stack.build(self._layers, side, self.config.layer_context(side))

    def project(self) -> Callable[[Any], Any]:
        """Return the projection on the vocabulary, made when a head first asks for it."""
        if self._projection is None:
            self._projection = build_output_projection(self.config, self._layers, self.table)
        return self._projection

    def __call__(self, inputs: dict) -> dict:
        """Return the streams that heads read, those that the network has.

        `sequence_output` [B, S, D] is the output of the encoder, or of a decoder alone;
        `pooled_output` [B, D] that of the pooler; `decoder_sequence_output` [B, T, D] that of a
        decoder with an encoder. `load_balancing` [B] is added to the loss if a mixture of experts
        has a load balancing loss.
        """
        routing: dict[str, list] = {"": [], "encoder_": [], "decoder_": []}
        if self.config.is_encoder_decoder:
            source, target = (_of_stack(inputs, prefix) for prefix in ("encoder_", "decoder_"))
            memory = self.encode(**source, routing=routing["encoder_"])
            decoded = self.decode(
                **target,
                memory=memory,
                memory_padding_mask=source["padding_mask"],
                memory_packing_ids=source.get("packing_ids"),
                routing=routing["decoder_"],
            )
            streams = {"sequence_output": memory, "decoder_sequence_output": decoded}
        else:
            read = self.decode if self.encoder is None else self.encode
            streams = {"sequence_output": read(**inputs, routing=routing[""])}
        if self.pooler is not None:
            streams["pooled_output"] = self.pooler(streams["sequence_output"])
        losses = [
            load_balancing_loss(choices, inputs[f"{prefix}padding_mask"])
            for prefix, choices in routing.items()
            if choices
        ]
        if losses:
            streams[LOAD_BALANCING] = sum(losses[1:], losses[0])
        return streams

    def encode(
        self,
        token_ids: Any,
        padding_mask: Any,
        segment_ids: Any = None,
        packing_ids: Any = None,
        packing_positions: Any = None,
        routing: list | None = None,
        encoder: Callable[..., Any] | None = None,
    ) -> Any:
        """Return the encoder's output [B, S, D] for ids [B, S].

        Args:
            token_ids, padding_mask: Ids, and 1 at real tokens and 0 at padding, [B, S] each.
            segment_ids: The segment of each token, [B, S].
            packing_ids: The example in a packed row that each token is of, [B, S].
            packing_positions: The position of each token in that example, [B, S].
            routing: What routers append their choices to.
            encoder: A stack to run in place of the network's own.
        """
        ids = position_ids(token_ids) if packing_positions is None else packing_positions
        hidden = self.encoder_embeddings(token_ids, ids, segment_ids)
        positions = TokenPositions(ids, ids, key_mask(padding_mask, packing_ids, packing_ids))
        return (encoder or self.encoder)(hidden, positions, [] if routing is None else routing)

    def decode(
        self,
        token_ids: Any,
        padding_mask: Any,
        memory: Any = None,
        memory_padding_mask: Any = None,
        packing_ids: Any = None,
        packing_positions: Any = None,
        memory_packing_ids: Any = None,
        routing: list | None = None,
    ) -> Any:
        """Return the decoder's output [B, T, D] for ids [B, T] and a memory [B, S, D] or None.

        Each token attends to itself, to earlier ones and to the memory.
        """
        ids = position_ids(token_ids) if packing_positions is None else packing_positions
        hidden = self.decoder_embeddings(token_ids, ids)
        positions = TokenPositions(ids, ids, key_mask(padding_mask, packing_ids, packing_ids))
        routing, memory_context = [] if routing is None else routing, None
        if memory is not None:
            allowed = key_mask(memory_padding_mask, packing_ids, memory_packing_ids)
            memory_context = AttentionContext(mask_bias(allowed, hidden.dtype))
        return self.decoder(hidden, positions, routing, memory, memory_context)

    def init_cache(self, batch_size: int, max_length: int, dtype: str = "float32") -> list:
        """Return the decoder's cache of no tokens, with room for `max_length`."""
        return self.decoder.init_cache(batch_size, max_length, dtype)

    def project_memory(self, memory: Any = None) -> list:
        """Return what the decoder reads of the encoder's output [B, S, D] at every decoding step.

        It is computed once; in a network without an encoder, of None.
        """
        return self.decoder.project_memory(memory)

    def decode_step(
        self,
        token_ids: Any,
        index: Any,
        cache: list,
        max_length: int,
        memory: list,
        memory_padding_mask: Any = None,
    ) -> tuple[Any, list]:
        """Return the decoder's output [B, T, D] for the next tokens, and the new cache.

        Args:
            token_ids: Ids [B, T] of the tokens from position `index` on.
            index: Position of the first of them, an integer or an int32 scalar.
            cache, max_length: From `init_cache` or an earlier step, and its room in tokens.
            memory: From `project_memory`.
            memory_padding_mask: 1 at the memory's real tokens, [B, S]; None without an encoder.
        """
        from keras import ops

        ids = position_ids(token_ids) + index
        hidden = self.decoder_embeddings(token_ids, ids)
        positions = TokenPositions(ids, ops.arange(max_length)[None])
        memory_context = None
        if memory_padding_mask is not None:
            allowed = key_mask(memory_padding_mask)
            memory_context = AttentionContext(mask_bias(allowed, hidden.dtype))
        return self.decoder.call_with_cache(hidden, cache, index, positions, memory, memory_context)


def _of_stack(inputs: dict, prefix: str) -> dict:
    """Return the inputs of one stack, without the prefix of their names."""
    names = TOKEN_SEQUENCES[prefix]._asdict()
    return {plain: inputs[name] for plain, name in names.items() if name in inputs}
