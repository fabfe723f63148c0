"""A stack of equal layers: attention, attention to a memory if there is one, feed-forward."""

from typing import Annotated, Literal

from pydantic import Field

from archbuilder.language import Spec
from archbuilder.network.attention import Attention
from archbuilder.network.feed_forward import FeedForward
from archbuilder.network.layer import Rate, dropout, unchanged
from archbuilder.network.norm import Norm


class Stack(Spec):
    """Layers one upon another, with residual connections (Vaswani et al., 2017, section 3.1)."""

    num_layers: Annotated[int, Field(ge=1, le=10_000)]
    """Layers."""
    attention: Attention
    """How tokens look at each other; a decoder looks at its memory in the same way."""
    feed_forward: FeedForward
    """What each token goes through by itself."""
    norm: Norm
    """Normalisation around every sublayer."""
    norm_placement: Literal["post", "pre"] = "post"
    """After each residual sum, or before each sublayer and once more at the end of the stack
    (Xiong et al., 2020)."""
    dropout: Rate = 0.0
    """Share of each sublayer's output dropped in training, before the residual sum."""

    def build(self, layers, name: str, dim: int, initializer, memory: bool):
        """`memory`: whether the layers attend to another stack's output, too."""
        return StackPart(self, layers, name, dim, initializer, memory)


class StackPart:
    """The part of `Stack`."""

    def __init__(self, spec: Stack, layers, name: str, dim: int, initializer, memory: bool):
        self.layers = [
            StackLayer(spec, layers, f"{name}.layers.{index}", dim, initializer, memory)
            for index in range(spec.num_layers)
        ]
        pre = spec.norm_placement == "pre"
        self.final_norm = spec.norm.build(layers, f"{name}.final_norm", dim) if pre else unchanged

    def __call__(self, hidden, bias, memory=None, memory_bias=None):
        """[B, T, D] -> [B, T, D]; `memory` [B, S, D]; the biases as `mask_bias` makes them."""
        for layer in self.layers:
            hidden = layer(hidden, bias, layer.remember(memory), memory_bias)
        return self.final_norm(hidden)

    def remember(self, memory):
        """Each layer's keys and values of `memory` [B, S, D], once for all decoding steps."""
        return [layer.remember(memory) for layer in self.layers]

    def step(self, hidden, caches, index, bias, memories, memory_bias):
        """One decoding step: the token at position `index`.

        `hidden` is [B, 1, D]; `caches` holds each layer's keys and values, [B, H, L, K], of which
        those before `index` are filled. Returns the new hidden [B, 1, D] and the new caches.
        """
        filled = []
        for layer, cache, memory in zip(self.layers, caches, memories, strict=True):
            hidden, cache = layer.step(hidden, cache, index, bias, memory, memory_bias)
            filled.append(cache)
        return self.final_norm(hidden), filled


class StackLayer:
    """One layer of a stack."""

    def __init__(self, spec: Stack, layers, name: str, dim: int, initializer, memory: bool):
        def attention(role):
            return spec.attention.build(layers, f"{name}.{role}", dim, initializer)

        self.attention = attention("attention")
        self.around_attention = Residual(spec, layers, f"{name}.attention", dim)
        self.cross_attention = attention("cross_attention") if memory else None
        if memory:
            self.around_cross_attention = Residual(spec, layers, f"{name}.cross_attention", dim)
        self.feed_forward = spec.feed_forward.build(
            layers, f"{name}.feed_forward", dim, initializer
        )
        self.around_feed_forward = Residual(spec, layers, f"{name}.feed_forward", dim)

    def remember(self, memory):
        return None if self.cross_attention is None else self.cross_attention.project(memory)

    def __call__(self, hidden, bias, memory, memory_bias):
        def attend(x):
            return self.attention(x, self.attention.project(x), bias)

        hidden = self.around_attention(hidden, attend)
        return self._rest(hidden, memory, memory_bias)

    def step(self, hidden, cache, index, bias, memory, memory_bias):
        from keras import ops

        def attend(x):
            nonlocal cache
            cache = tuple(
                ops.slice_update(old, (0, 0, index, 0), new)
                for old, new in zip(cache, self.attention.project(x), strict=True)
            )
            return self.attention(x, cache, bias)

        hidden = self.around_attention(hidden, attend)
        return self._rest(hidden, memory, memory_bias), cache

    def _rest(self, hidden, memory, memory_bias):
        attend = self.cross_attention
        if attend is not None:
            hidden = self.around_cross_attention(hidden, lambda x: attend(x, memory, memory_bias))
        return self.around_feed_forward(hidden, self.feed_forward)


class Residual:
    """What stands around a sublayer: dropout, the residual sum, and the norm after or before."""

    def __init__(self, spec: Stack, layers, name: str, dim: int):
        self.norm = spec.norm.build(layers, f"{name}.norm", dim)
        self.dropout = dropout(layers, f"{name}.residual_dropout", spec.dropout)
        self.pre = spec.norm_placement == "pre"

    def __call__(self, hidden, sublayer):
        if self.pre:
            return hidden + self.dropout(sublayer(self.norm(hidden)))
        return self.norm(hidden + self.dropout(sublayer(hidden)))
