"""A stack of layers, equal but for what some of them change."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, PositiveInt, model_validator

from archbuilder.language import Problem
from archbuilder.language.partial import Partial
from archbuilder.network.attention_mask import AttentionContext, TokenPositions, mask_bias
from archbuilder.network.attention_position import AttentionPosition
from archbuilder.network.layer import Probability, dropout, identity
from archbuilder.network.layer_overrides import (
    LayerOverride,
    check,
    overrides_per_layer,
    settings_after,
)
from archbuilder.network.residual import Depths
from archbuilder.network.stack_layer import Site, StackLayer, StackLayerConfig


class StackConfig(StackLayerConfig):
    """Layers one upon another, with residual connections (Vaswani et al., 2017, section 3.1)."""

    num_layers: Annotated[int, Field(ge=1, le=10_000)]
    """Layers."""
    num_layer_groups: PositiveInt | None = None
    """Layers that follow one another share their weights, in so many groups (Lan et al., 2020,
    section 3.1); each has its own unless told."""
    skip_first_norm: bool = False
    """Whether the first layer's attention reads its input as it is, where norms come before."""
    final_norm: bool | None = None
    """Whether the stack ends with a norm: unless told, where norms come before sublayers."""
    final_dropout: Probability = 0.0
    """Share of the stack's output dropped in training."""
    overrides: tuple[Annotated[dict[str, Any], Partial(LayerOverride)], ...] = ()
    """Changes to some layers, the later over the earlier; a null takes away."""

    @model_validator(mode="wrap")
    @classmethod
    def _changes_make_layers(cls, data: Any, handler: Any) -> Any:
        stack = handler(data)
        check(stack._own(), stack.overrides, stack.num_layers)
        return stack

    @property
    def layers(self) -> tuple[StackLayerConfig, ...]:
        """Each layer's own settings."""
        if not self.overrides:
            return (self,) * self.num_layers
        own, changed, kinds = self._own(), self._changed(), {}
        for numbers in set(changed):
            settings = settings_after(own, [self.overrides[number] for number in numbers])
            kinds[numbers] = StackLayerConfig.model_validate(settings)
        return tuple(kinds[numbers] for numbers in changed)

    @property
    def layers_in_group(self) -> int:
        """How many layers have the same weights."""
        return self.num_layers // (self.num_layer_groups or self.num_layers)

    def build(self, layers, name: str, dim: int, initializer, causal: bool, depths: Depths):
        """`causal`: whether a token sees only itself and those before it."""
        return Stack(self, layers, name, dim, initializer, causal, depths)

    def problems(self, site: Site) -> Iterator[Problem]:
        """What does not fit together, or not where the stack stands."""
        layers = self.layers
        for numbers, layer in dict(zip(self._changed(), layers, strict=True)).items():
            for found in layer.layer_problems(site):
                yield Problem(self._line(numbers, found.path), found.sentence)
        yield from self._changes_without_effect()
        yield from self._groups_that_differ()
        first = layers[0].norm_placement
        if self.skip_first_norm and first == "post":
            yield Problem(("skip_first_norm",), "no norm comes before attention to be left out")
        elif self.skip_first_norm and self.layers_in_group > 1:
            yield Problem(("skip_first_norm",), "the first layer shares its weights with others")

    def _own(self) -> dict[str, Any]:
        return self.model_dump(include=set(StackLayerConfig.model_fields), exclude_none=True)

    def _changed(self) -> tuple[tuple[int, ...], ...]:
        """For each layer, the numbers of the changes that concern it."""
        return overrides_per_layer(self.overrides, self.num_layers)

    def _line(self, numbers: tuple[int, ...], path: tuple) -> tuple:
        """Where a mistake in a layer's settings stands: in the last change that wrote it."""
        for depth in (len(path), 1):
            for number in reversed(numbers):
                if _has(self.overrides[number], path[:depth]):
                    return ("overrides", number, *path)
        return path

    def _changes_without_effect(self) -> Iterator[Problem]:
        concerned = {number for numbers in self._changed() for number in numbers}
        for number, change in enumerate(self.overrides):
            if number not in concerned:
                yield Problem(
                    ("overrides", number, "layers"), f"none of the {self.num_layers} layers"
                )
            elif set(change) == {"layers"}:
                yield Problem(("overrides", number), "nothing is changed in these layers")

    def _groups_that_differ(self) -> Iterator[Problem]:
        groups = self.num_layer_groups
        if groups is not None and self.num_layers % groups:
            yield Problem(
                ("num_layer_groups",),
                f"{groups} groups of equal size cannot be made of {self.num_layers} layers",
            )
            return
        size, layers = self.layers_in_group, self.layers
        for start in range(0, self.num_layers, size):
            if any(layer != layers[start] for layer in layers[start : start + size]):
                yield Problem(
                    ("overrides",),
                    f"layers {start} to {start + size - 1} share their weights and must be equal",
                )
                return


def _has(change: Any, path: tuple) -> bool:
    for step in path:
        if not isinstance(change, dict) or step not in change:
            return False
        change = change[step]
    return True


class Stack:
    """The layers of `StackConfig`."""

    def __init__(
        self,
        spec: StackConfig,
        layers,
        name: str,
        dim: int,
        initializer,
        causal: bool,
        depths: Depths,
    ):
        self.causal, self.layers = causal, []
        self._placed: dict[Any, AttentionPosition] = {None: AttentionPosition()}
        each = spec.layers
        self._windows = [layer.attention.sliding_window_size for layer in each]

        def build(settings, name, norm_first):
            positions = self._positions(settings.attention, layers, name, dim, initializer)
            return StackLayer(
                settings, layers, name, dim, initializer, depths, positions, norm_first
            )

        for index, settings in enumerate(each):
            group, within = divmod(index, spec.layers_in_group)
            norm_first = index > 0 or not spec.skip_first_norm
            if within == 0:
                part = build(settings, f"{name}.layers.{group}", norm_first)
            self.layers.append(part)
        ends = spec.norm_placement != "post" if spec.final_norm is None else spec.final_norm
        self.final_norm = spec.norm.build(layers, f"{name}.final_norm", dim) if ends else identity
        self.final_dropout = dropout(layers, f"{name}.final_dropout", spec.final_dropout)

    def __call__(
        self, hidden, places: TokenPositions, routing: list, memory=None, memory_sight=None
    ):
        """[B, T, D] -> [B, T, D]; `memory` is [B, S, D].

        What routers choose is added to `routing`, for `load_balancing_loss`.
        """
        for layer, sight in zip(self.layers, self._sights(places, hidden.dtype), strict=True):
            hidden = layer(hidden, sight, layer.project_memory(memory), memory_sight, routing)
        return self.final_dropout(self.final_norm(hidden))

    def project_memory(self, memory):
        """Each layer's keys and values of `memory` [B, S, D], once for all decoding steps."""
        return [layer.project_memory(memory) for layer in self.layers]

    def init_cache(self, rows: int, length: int, dtype="float32"):
        """What `step` begins with: each layer's keys and values of no tokens."""
        return [layer.attention.init_cache(rows, length, dtype) for layer in self.layers]

    def step(self, hidden, caches, index, places: TokenPositions, memories, memory_sight=None):
        """One decoding step: the token at position `index`.

        `hidden` is [B, 1, D]; `caches` holds each layer's keys and values, [B, G, L, K], of which
        those before `index` are filled. Returns the new hidden [B, 1, D] and the new caches.
        """
        filled = []
        sights = self._sights(places, hidden.dtype)
        for layer, sight, cache, memory in zip(self.layers, sights, caches, memories, strict=True):
            hidden, cache = layer.step(hidden, cache, index, sight, memory, memory_sight)
            filled.append(cache)
        return self.final_norm(hidden), filled

    def _positions(self, attention, layers, name: str, dim: int, initializer) -> AttentionPosition:
        """The part of a layer's positions: its own, or one for all layers that ask for the same."""
        asked, width = attention.positions, attention.head_dim(dim)
        key = asked and (asked, attention.num_heads, width, None if asked.shared else name)
        if key not in self._placed:
            self._placed[key] = asked.build(
                layers,
                f"{name}.attention.positions",
                attention.num_heads,
                width,
                initializer,
                self.causal,
            )
        return self._placed[key]

    def _sights(self, places: TokenPositions, dtype) -> list[AttentionContext]:
        """What each layer sees, made once for all layers that see the same."""
        masks, views, sights = {}, {}, {}
        for layer, window in zip(self.layers, self._windows, strict=True):
            part = layer.attention.positions
            if window not in masks:
                masks[window] = mask_bias(places.allowed(self.causal, window), dtype)
            if part not in views:
                views[part] = part.view(places, dtype)
            if (window, part) not in sights:
                bias = part.bias(masks[window], views[part])
                sights[window, part] = AttentionContext(bias, views[part])
        return [
            sights[window, layer.attention.positions]
            for layer, window in zip(self.layers, self._windows, strict=True)
        ]
