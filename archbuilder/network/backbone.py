"""The backbone: embeddings, stacks and pooler, which the heads of the objectives read."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from pydantic import Field, PositiveInt

from archbuilder.language import Problem, Spec
from archbuilder.network import backbone_checks
from archbuilder.network.attention_mask import (
    TokenPositions,
    cross_attention_context,
    key_mask,
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
from archbuilder.network.stack_embeddings import build_stack_embeddings, build_token_embeddings
from archbuilder.text.batch import TOKEN_SEQUENCES

VocabularySize = Annotated[int, Field(ge=1, lt=2**31)]
"""Number of tokens of a vocabulary, whose ids are int32."""


class BackboneConfig(Spec):
    """A Transformer: an encoder, a decoder, or both.

    With both, it is an encoder-decoder as in Vaswani et al., 2017; with a decoder only, as in
    Radford et al., 2018 (GPT); with an encoder only, as in Devlin et al., 2018 (BERT).
    """

    hidden_dim: PositiveInt
    """Number of channels of the hidden vectors in all stacks (d_model in Vaswani et al., 2017)."""
    vocabulary_size: VocabularySize
    """Number of tokens in the vocabulary. The tokenizer is trained to this size. With
    target_vocabulary_size, it is the size of the encoder's vocabulary."""
    target_vocabulary_size: VocabularySize | None = None
    """Number of tokens in the decoder's vocabulary, if it has its own tokenizer (target_tokenizer).
    Default: the decoder shares the vocabulary of the encoder."""
    embeddings: EmbeddingsConfig
    """Embeddings of tokens and segments, and which embedding matrices are shared."""
    positions: AnyPosition
    """Position embeddings, added to the token embeddings at the input."""
    encoder: StackConfig | None = None
    """Stack of layers whose tokens attend to earlier and to later tokens. Default: no encoder."""
    decoder: StackConfig | None = None
    """Stack of layers whose tokens attend to themselves and to earlier tokens, and to the encoder's
    output if there is an encoder. Default: no decoder."""
    pooler: AnyPooler | None = None
    """Layer that turns the encoder's output into one vector per sequence, for the objectives that
    read a pooled output. Default: no pooler."""
    initializer: AnyInitializer = GlorotUniform(type="glorot_uniform")
    """Initializer of all weights. Default: glorot_uniform."""

    @property
    def max_sequence_length(self) -> int | None:
        """Maximum sequence length in tokens; None: no limit."""
        return self.positions.max_length()

    @property
    def is_encoder_decoder(self) -> bool:
        """Whether the model has both an encoder and a decoder, which attends to the encoder."""
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
        """Return the names of the inputs, int32 [B, T]; `packed`: for rows of packed examples."""
        packing = ["packing_ids", "packing_positions"] if packed else []
        names = ["token_ids", "padding_mask", *packing]
        if self.is_encoder_decoder:
            return [f"{side}_{name}" for side in ("encoder", "decoder") for name in names]
        return [*names, "segment_ids"] if self.embeddings.num_segments else names

    @property
    def output_vocabulary_size(self) -> int:
        """Size of the vocabulary that is predicted: the decoder's if it has its own."""
        return self.target_vocabulary_size or self.vocabulary_size

    @property
    def output_projection_dim(self) -> int:
        """Width of the vectors that are projected to the vocabulary."""
        tied = self.embeddings.ties_output
        return (self.embeddings.embedding_dim if tied else None) or self.hidden_dim

    def layer_context(self, side: str) -> LayerContext:
        """Return the context of the first layer of the stack `side`, "encoder" or "decoder"."""
        counts, causal = self.layer_counts(), side == "decoder"
        return LayerContext(
            width=self.hidden_dim,
            depth=counts[side],
            causal=causal,
            initializer=self.initializer,
            has_memory=causal and self.is_encoder_decoder,
            other_depth=counts.get("encoder" if causal else "decoder", 0),
            max_sequence_length=self.max_sequence_length,
        )

    def build(self, layers: LayerNamespace) -> "Backbone":
        """Return the backbone; `layers` is `keras.layers` or a `ParameterCounter`."""
        return Backbone(self, layers)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems that involve several fields, at paths within this section."""
        yield from backbone_checks.problems(self)


class Backbone:
    """The built backbone. All Keras layers are created here and by the heads, never in a call."""

    def __init__(self, config: BackboneConfig, layers: LayerNamespace) -> None:
        self.config, self._layers = config, layers
        self._projection: Callable[[Any], Any] | None = None
        self.encoder: Any = None
        self.decoder: Any = None
        self.pooler: Any = None
        depths = config.layer_counts()
        distance = max(depths.values(), default=0) + 1
        size = config.vocabulary_size
        self.table = build_token_embeddings(config, layers, "embeddings.tokens", size, distance)
        role = LayerRole(distance_to_heads=distance)
        embeddings = build_stack_embeddings(config, layers, "", self.table, role)
        if config.encoder is not None:
            self.encoder_embeddings = embeddings
            self.encoder = self._stack("encoder", config.encoder)
        if config.decoder is not None:
            self.decoder_embeddings = embeddings
            if config.encoder is not None:
                self.decoder_embeddings = self._decoder_embeddings(depths["decoder"] + 1)
            self.decoder = self._stack("decoder", config.decoder)
        if config.pooler is not None:
            dim, initializer = config.hidden_dim, config.initializer
            self.pooler = config.pooler.build(layers, "pooler", dim, initializer)

    def _decoder_embeddings(self, distance_to_heads: int) -> Embeddings:
        """Return the embeddings of the decoder of an encoder-decoder."""
        config, layers = self.config, self._layers
        role = LayerRole(distance_to_heads=distance_to_heads)
        if not config.embeddings.ties_input:
            name, size = "decoder_embeddings.tokens", config.output_vocabulary_size
            self.table = build_token_embeddings(config, layers, name, size, distance_to_heads)
        # Layer-wise learning-rate decay has never applied to the learned positions of this decoder.
        return build_stack_embeddings(config, layers, "decoder_", self.table, role, HEAD)

    def _stack(self, side: str, stack: StackConfig) -> Stack:
        return stack.build(self._layers, side, self.config.layer_context(side))

    def output_projection(self) -> Callable[[Any], Any]:
        """Return the projection to the vocabulary, which is built by the first call."""
        if self._projection is None:
            self._projection = build_output_projection(self.config, self._layers, self.table)
        return self._projection

    def __call__(self, inputs: dict) -> dict:
        """Return the outputs that the heads read.

        `sequence_output` [B, S, D] is the output of the encoder, or of a decoder alone;
        `pooled_output` [B, D] that of the pooler; `decoder_sequence_output` [B, T, D] that of a
        decoder with an encoder. `load_balancing` [B] is added to the loss if a mixture of experts
        has a load-balancing loss.
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
            outputs = {"sequence_output": memory, "decoder_sequence_output": decoded}
        else:
            run_stack = self.decode if self.encoder is None else self.encode
            outputs = {"sequence_output": run_stack(**inputs, routing=routing[""])}
        if self.pooler is not None:
            outputs["pooled_output"] = self.pooler(outputs["sequence_output"])
        losses = [
            load_balancing_loss(decisions, inputs[f"{prefix}padding_mask"])
            for prefix, decisions in routing.items()
            if decisions
        ]
        if losses:
            outputs[LOAD_BALANCING] = sum(losses[1:], losses[0])
        return outputs

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
            token_ids: Token ids, [B, S].
            padding_mask: 1 at real tokens and 0 at padding, [B, S].
            segment_ids: Segment of each token, [B, S]. Default: None, without segments.
            packing_ids: Index of the packed example of each token, [B, S]. Default: one example.
            packing_positions: Position of each token in its example, [B, S]. Default: 0, 1, 2, ...
            routing: List that routers append their decisions to. Default: they are dropped.
            encoder: Stack to run instead of the backbone's encoder. Default: the encoder.
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
        """Return the decoder's output [B, T, D] for ids [B, T].

        Each token attends to itself, to earlier tokens, and to `memory` [B, S, D], the encoder's
        output, if there is one. The other arguments are as in `encode`.
        """
        ids = position_ids(token_ids) if packing_positions is None else packing_positions
        hidden = self.decoder_embeddings(token_ids, ids)
        positions = TokenPositions(ids, ids, key_mask(padding_mask, packing_ids, packing_ids))
        routing = [] if routing is None else routing
        memory_context = cross_attention_context(
            memory_padding_mask, hidden.dtype, packing_ids, memory_packing_ids
        )
        return self.decoder(hidden, positions, routing, memory, memory_context)

    def init_cache(self, batch_size: int, max_length: int, dtype: str = "float32") -> list:
        """Return an empty cache of the decoder, with space for `max_length` tokens."""
        return self.decoder.init_cache(batch_size, max_length, dtype)

    def project_memory(self, memory: Any = None) -> list:
        """Return what cross-attention reads of the encoder's output, for all decoding steps.

        Args:
            memory: Output of the encoder, [B, S, D]. Default: None, without an encoder.
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
            token_ids: Ids of the next tokens, [B, T].
            index: Position of the first of the next tokens, an integer or an int32 scalar.
            cache: Output of `init_cache` or of an earlier step.
            max_length: Number of tokens that the cache has space for.
            memory: Output of `project_memory`.
            memory_padding_mask: 1 at real tokens of the memory, [B, S]. Default: no memory.
        """
        from keras import ops

        ids = position_ids(token_ids) + index
        hidden = self.decoder_embeddings(token_ids, ids)
        positions = TokenPositions(ids, ops.arange(max_length)[None])
        memory_context = cross_attention_context(memory_padding_mask, hidden.dtype)
        return self.decoder.call_with_cache(hidden, cache, index, positions, memory, memory_context)


def _of_stack(inputs: dict, prefix: str) -> dict:
    """Return the inputs of one stack, without the prefix of their names."""
    names = TOKEN_SEQUENCES[prefix]._asdict()
    return {field: inputs[name] for field, name in names.items() if name in inputs}
