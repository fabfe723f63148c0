"""One layer of a stack: attention, attention to a memory if there is one, feed-forward."""

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
    """Everything that may differ from layer to layer."""

    attention: AnyAttention
    """Attention of the stack's tokens to each other."""
    cross_attention: AnyAttention | None = None
    """Attention of a decoder's tokens to the encoder's. Default: as to each other, but for
    positions and windows, which have no meaning there."""
    feed_forward: AnyFeedForward
    """The network that each token goes through by itself."""
    parallel: bool = False
    """Attention and feed-forward read the same vectors, and are added together (Wang and
    Komatsuzaki, 2021; Chowdhery et al., 2022, section 2)."""

    def gains(self, context: LayerContext) -> Gains:
        """Return the factors on the initial weights of the sublayers."""
        beta = self.residual_scaling.beta(context) if self.residual_scaling else 1.0
        sublayers = context.depth * (3 if context.memory else 2)
        return Gains(inner=beta, output=beta * context.initializer.output_gain(sublayers))

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield the name and value of each size that `scaled_sublayers` multiplies."""
        yield from self.attention.sizes()
        if self.cross_attention is not None:
            yield from self.cross_attention.sizes()
        yield from self.feed_forward.sizes()

    def scaled_sublayers(self, fraction: Fraction) -> dict[str, Any]:
        """Return the sublayers with their sizes multiplied by `fraction`, by their fields."""
        crosses = self.cross_attention
        return {
            "attention": self.attention.scaled(fraction),
            "cross_attention": crosses and crosses.scaled(fraction),
            "feed_forward": self.feed_forward.scaled(fraction),
        }

    def layer_problems(self, context: LayerContext) -> Iterator[Problem]:
        """Yield what does not fit together, or not where the layer is."""
        yield from at_key("attention", self.attention.problems(context))
        if self.cross_attention is not None:
            yield from at_key("cross_attention", self.cross_attention.memory_problems(context))
        yield from at_key("feed_forward", self.feed_forward.problems())
        if self.cross_attention is not None and not context.memory:
            yield Problem(("cross_attention",), "there is no other stack to look at; leave it out")
        if isinstance(self.residual_scaling, DeepNormConfig) and self.norm_placement != "post":
            yield Problem(
                ("residual_scaling", "type"), "deep_norm is made for norm_placement: post"
            )
        if self.parallel and context.memory:
            yield Problem(
                ("parallel",), "attention to the encoder stands between attention and feed-forward"
            )


class StackLayer:
    """The sublayers with their surroundings."""

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
            name: Name of the layer, a prefix of the names of its weights.
            context: Where the layer is.
            positions: The positions that its attention asked for.
            norm_first: Whether the norm before attention is there, where one is asked for.
        """
        context = context.with_gains(config.gains(context))

        def around(sublayer: str, norm_first: bool = True) -> Residual:
            return Residual(config, layers, f"{name}.{sublayer}", context, norm_first)

        self.attention = config.attention.build(layers, f"{name}.attention", context, positions)
        self.around_attention = around("attention", norm_first)
        self.cross_attention = None
        if context.memory:
            crosses = config.cross_attention or config.attention.for_cross_attention()
            self.cross_attention = crosses.build(
                layers, f"{name}.cross_attention", context, AttentionPosition()
            )
            self.around_cross_attention = around("cross_attention")
        self.feed_forward = config.feed_forward.build(layers, f"{name}.feed_forward", context)
        self.around_feed_forward = None if config.parallel else around("feed_forward")

    def project_memory(self, memory: Any) -> Any:
        """Return what cross-attention reads of a memory [B, S, D]; None without one."""
        return None if self.cross_attention is None else self.cross_attention.project_memory(memory)

    def __call__(
        self,
        hidden: Any,
        context: AttentionContext,
        memory: Any,
        memory_context: AttentionContext | None,
        routing: list,
    ) -> Any:
        """Return [B, T, D] for hidden [B, T, D]; `memory` as `project_memory` gives it."""

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
        """Return [B, T, D] for the tokens from position `index` on, and the new cache."""

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
        if self.around_feed_forward is None:
            return self.around_attention(
                hidden, lambda x: attend(x) + self.feed_forward(x, routing)
            )
        hidden = self.around_attention(hidden, attend)
        crosses = self.cross_attention
        if crosses is not None:
            if memory_context is None:
                raise ValueError("attention to another stack needs the context of its memory")
            hidden = self.around_cross_attention(
                hidden, lambda x: crosses.attend_to_memory(x, memory, memory_context)
            )
        return self.around_feed_forward(hidden, lambda x: self.feed_forward(x, routing))
