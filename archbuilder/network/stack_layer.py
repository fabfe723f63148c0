"""A layer of a stack: attention, cross-attention if there is a memory, and feed-forward."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from archbuilder.language import Problem, at_key
from archbuilder.network.attention import AnyAttention
from archbuilder.network.attention_mask import AttentionContext
from archbuilder.network.attention_positions import AttentionPosition
from archbuilder.network.feed_forward import AnyFeedForward
from archbuilder.network.initializer import Gains
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.residual import DeepNormConfig, Residual, ResidualConfig


class StackLayerConfig(ResidualConfig):
    """The settings of a layer, which may differ between the layers of a stack."""

    attention: AnyAttention
    """Self-attention of the tokens of the stack."""
    cross_attention: AnyAttention | None = None
    """Cross-attention of the decoder to the encoder's output. Default: the settings of `attention`
    without positions and sliding_window_size, which have no meaning between two sequences."""
    feed_forward: AnyFeedForward
    """Feed-forward layer, which is applied to each token separately."""
    parallel: bool = False
    """Whether attention and feed-forward read the same input and their outputs are added, instead
    of one after the other (Wang and Komatsuzaki, 2021; Chowdhery et al., 2022, section 2)."""

    def gains(self, context: LayerContext) -> Gains:
        """Return the factors of the initial weights of the sublayers."""
        beta = self.residual_scaling.beta(context) if self.residual_scaling else 1.0
        sublayers = context.depth * (3 if context.has_memory else 2)
        return Gains(inner=beta, output=beta * context.initializer.output_gain(sublayers))

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield the name and value of each size that `scaled_sublayers` multiplies."""
        yield from self.attention.sizes()
        if self.cross_attention is not None:
            yield from self.cross_attention.sizes()
        yield from self.feed_forward.sizes()

    def scaled_sublayers(self, fraction: Fraction) -> dict[str, Any]:
        """Return the sublayers with their sizes multiplied by `fraction`, by field name."""
        cross_attention = self.cross_attention
        return {
            "attention": self.attention.scaled(fraction),
            "cross_attention": cross_attention and cross_attention.scaled(fraction),
            "feed_forward": self.feed_forward.scaled(fraction),
        }

    def layer_problems(self, context: LayerContext) -> Iterator[Problem]:
        """Yield the problems that involve several fields, at paths within the layer."""
        yield from at_key("attention", self.attention.problems(context))
        if self.cross_attention is not None:
            yield from at_key("cross_attention", self.cross_attention.memory_problems(context))
        yield from at_key("feed_forward", self.feed_forward.problems())
        if self.cross_attention is not None and not context.has_memory:
            yield Problem(
                ("cross_attention",),
                "has no effect in a model without encoder and decoder; remove it",
            )
        if isinstance(self.residual_scaling, DeepNormConfig) and self.norm_placement != "post":
            yield Problem(("residual_scaling", "type"), "deep_norm needs norm_placement: post")
        if self.parallel and context.has_memory:
            yield Problem(
                ("parallel",),
                "cannot be used with cross-attention, which reads the output of attention",
            )


class StackLayer:
    """The sublayers with their residual connections."""

    def __init__(
        self,
        config: StackLayerConfig,
        layers: LayerNamespace,
        name: str,
        context: LayerContext,
        positions: AttentionPosition,
        norm_first: bool = True,
    ) -> None:
        """Build the layer.

        Args:
            config: The settings of the layer.
            layers: `keras.layers` or a `ParameterCounter`.
            name: Name of the layer, a prefix of the names of its Keras layers.
            context: Context of the layer.
            positions: Positions that the attention requested.
            norm_first: Whether there is a norm before attention if `norm_placement` asks for it.
                Default: True.
        """
        context = context.with_gains(config.gains(context))

        def residual(sublayer: str, norm_first: bool = True) -> Residual:
            return Residual(config, layers, f"{name}.{sublayer}", context, norm_first)

        self.attention = config.attention.build(layers, f"{name}.attention", context, positions)
        self.attention_residual = residual("attention", norm_first)
        self.cross_attention = None
        if context.has_memory:
            cross_attention = config.cross_attention or config.attention.for_cross_attention()
            self.cross_attention = cross_attention.build(
                layers, f"{name}.cross_attention", context, AttentionPosition()
            )
            self.cross_attention_residual = residual("cross_attention")
        self.feed_forward = config.feed_forward.build(layers, f"{name}.feed_forward", context)
        self.feed_forward_residual = None if config.parallel else residual("feed_forward")

    def project_memory(self, memory: Any) -> Any:
        """Return what cross-attention reads of a memory [B, S, D]; None without cross-attention."""
        return None if self.cross_attention is None else self.cross_attention.project_memory(memory)

    def __call__(
        self,
        hidden: Any,
        context: AttentionContext,
        memory: Any,
        memory_context: AttentionContext | None,
        routing: list,
    ) -> Any:
        """Return the output [B, T, D] for hidden vectors [B, T, D].

        Args:
            hidden: Input of the layer, [B, T, D].
            context: Mask and position features of self-attention.
            memory: Output of `project_memory`.
            memory_context: Mask of the memory; None without cross-attention.
            routing: List that routers append their decisions to.
        """

        def attend(x: Any) -> Any:
            return self.attention(x, context)

        return self._sublayers(hidden, attend, memory, memory_context, routing)

    def call_with_cache(
        self,
        hidden: Any,
        cache: Any,
        index: Any,
        context: AttentionContext,
        memory: Any,
        memory_context: AttentionContext | None,
    ) -> tuple[Any, Any]:
        """Return the output [B, T, D] for the next tokens, and the new cache.

        Args:
            hidden: Vectors of the next tokens, [B, T, D].
            cache: Cache of self-attention.
            index: Position of the first of the next tokens.
            context: Mask and position features of the next tokens and the whole cache.
            memory: Output of `project_memory`.
            memory_context: Mask of the memory; None without cross-attention.
        """

        def attend(x: Any) -> Any:
            nonlocal cache
            attended, cache = self.attention.call_with_cache(x, cache, index, context)
            return attended

        hidden = self._sublayers(hidden, attend, memory, memory_context, routing=[])
        return hidden, cache

    def _sublayers(
        self,
        hidden: Any,
        attend: Callable[[Any], Any],
        memory: Any,
        memory_context: AttentionContext | None,
        routing: list,
    ) -> Any:
        if self.feed_forward_residual is None:
            return self.attention_residual(
                hidden, lambda x: attend(x) + self.feed_forward(x, routing)
            )
        hidden = self.attention_residual(hidden, attend)
        cross_attention = self.cross_attention
        if cross_attention is not None:
            if memory_context is None:
                raise ValueError("cross-attention needs memory_context")
            hidden = self.cross_attention_residual(
                hidden, lambda x: cross_attention.attend_to_memory(x, memory, memory_context)
            )
        return self.feed_forward_residual(hidden, lambda x: self.feed_forward(x, routing))
