"""One layer of a stack: attention, attention to a memory if there is one, feed-forward."""

from collections.abc import Iterator
from dataclasses import dataclass

from archbuilder.language import Problem, at_key
from archbuilder.network.attention import AnyAttention
from archbuilder.network.attention_mask import AttentionContext
from archbuilder.network.attention_position import AttentionPosition
from archbuilder.network.feed_forward import AnyFeedForward
from archbuilder.network.initializer import Gains
from archbuilder.network.residual import DeepNormConfig, Depths, Residual, ResidualConfig


@dataclass(frozen=True)
class Site:
    """Where a layer stands, as far as its settings must fit there."""

    dim: int
    """Width of the stack."""
    causal: bool
    """Whether a token sees only itself and those before it."""
    memory: bool
    """Whether the stack reads another one."""
    longest: int | None
    """The most tokens that a sequence may have, if there is such a limit."""


class StackLayerConfig(ResidualConfig):
    """Everything that may differ from layer to layer."""

    attention: AnyAttention
    """How tokens look at each other."""
    cross_attention: AnyAttention | None = None
    """How a decoder's tokens look at the encoder's; unless told, as at each other, but for
    positions and windows, which have no meaning there."""
    feed_forward: AnyFeedForward
    """What each token goes through by itself."""
    parallel: bool = False
    """Attention and feed-forward read the same vectors, and are added together (Wang and
    Komatsuzaki, 2021; Chowdhery et al., 2022, section 2)."""

    def gains(self, initializer, depths: Depths) -> Gains:
        """What the first weights of the sublayers are multiplied by."""
        beta = self.residual_scaling.beta(depths) if self.residual_scaling else 1.0
        sublayers = depths.own * (3 if depths.reads else 2)
        return Gains(inner=beta, output=beta * initializer.output_gain(sublayers))

    def layer_problems(self, site: Site) -> Iterator[Problem]:
        """What does not fit together, or not where the layer stands."""
        for name in ("attention", "cross_attention"):
            attention = getattr(self, name)
            yield from at_key(name, attention.problems(site.dim) if attention else ())
        yield from at_key("feed_forward", self.feed_forward.problems())
        if self.cross_attention is not None and not site.memory:
            yield Problem(("cross_attention",), "there is no other stack to look at; leave it out")
        for field in ("positions", "sliding_window_size"):
            if self.cross_attention is not None and getattr(self.cross_attention, field):
                yield Problem(
                    ("cross_attention", field),
                    "there is no distance between tokens of two texts; leave it out",
                )
        if isinstance(self.residual_scaling, DeepNormConfig) and self.norm_placement != "post":
            yield Problem(
                ("residual_scaling", "type"), "deep_norm is made for norm_placement: post"
            )
        yield from self._window_without_effect(site)
        if self.parallel and site.memory:
            yield Problem(
                ("parallel",), "attention to the encoder stands between attention and feed-forward"
            )

    def _window_without_effect(self, site: Site) -> Iterator[Problem]:
        window = self.attention.sliding_window_size
        if window is None or site.longest is None:
            return
        if (window if site.causal else window // 2 + 1) >= site.longest:
            yield Problem(
                ("attention", "sliding_window_size"),
                f"{window} leaves nothing out of the {site.longest} tokens a sequence may have",
            )


class StackLayer:
    """The layer of `StackLayerConfig`.

    `norm_first`: whether the norm before attention is there, where the placement asks for one.
    """

    def __init__(
        self,
        spec: StackLayerConfig,
        layers,
        name: str,
        dim: int,
        initializer,
        depths: Depths,
        positions: AttentionPosition,
        norm_first: bool = True,
    ):
        gains = spec.gains(initializer, depths)

        def attention(role, settings, positions):
            return settings.build(layers, f"{name}.{role}", dim, initializer, gains, positions)

        def around(role, norm_first=True):
            return Residual(spec, layers, f"{name}.{role}", dim, depths, norm_first)

        self.attention = attention("attention", spec.attention, positions)
        self.around_attention = around("attention", norm_first)
        self.cross_attention = None
        if depths.reads:
            settings = spec.cross_attention or spec.attention.for_cross_attention()
            self.cross_attention = attention("cross_attention", settings, AttentionPosition())
            self.around_cross_attention = around("cross_attention")
        self.feed_forward = spec.feed_forward.build(
            layers, f"{name}.feed_forward", dim, initializer, gains
        )
        self.around_feed_forward = None if spec.parallel else around("feed_forward")

    def project_memory(self, memory):
        """Keys and values of a memory, [B, G, S, K] each."""
        return None if self.cross_attention is None else self.cross_attention.project(memory)

    def __call__(self, hidden, sight: AttentionContext, memory, memory_sight, routing: list):
        """[B, T, D] -> [B, T, D]; `memory` as `remember` gives it."""

        def attend(x):
            return self.attention(x, self.attention.project(x, sight.view), sight)

        return self._around(hidden, attend, memory, memory_sight, routing)

    def step(self, hidden, cache, index, sight: AttentionContext, memory, memory_sight):
        """[B, 1, D] -> [B, 1, D] for the token at `index`, and the cache with its key and value."""
        from keras import ops

        def attend(x):
            nonlocal cache
            cache = tuple(
                ops.slice_update(old, (0, 0, index, 0), new)
                for old, new in zip(cache, self.attention.project(x, sight.view), strict=True)
            )
            return self.attention(x, cache, sight)

        hidden = self._around(hidden, attend, memory, memory_sight, routing=[])
        return hidden, cache

    def _around(self, hidden, attend, memory, memory_sight, routing):
        if self.around_feed_forward is None:
            return self.around_attention(
                hidden, lambda x: attend(x) + self.feed_forward(x, routing)
            )
        hidden = self.around_attention(hidden, attend)
        across = self.cross_attention
        if across is not None:
            hidden = self.around_cross_attention(hidden, lambda x: across(x, memory, memory_sight))
        return self.around_feed_forward(hidden, lambda x: self.feed_forward(x, routing))
