"""A stack of layers with the same settings, except where overrides change them."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Any

from pydantic import Field, PositiveInt, model_validator
from typing_extensions import override

from archbuilder.language import Problem
from archbuilder.language.partial import Partial
from archbuilder.network.attention import AttentionConfig
from archbuilder.network.attention_mask import AttentionContext, TokenPositions, mask_bias
from archbuilder.network.attention_positions import AttentionPosition
from archbuilder.network.layer import Probability, dropout, identity
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.layer_overrides import (
    LayerOverride,
    check_overrides,
    merged_settings,
    overrides_per_layer,
)
from archbuilder.network.layer_role import HEAD
from archbuilder.network.stack_layer import StackLayer, StackLayerConfig


class StackConfig(StackLayerConfig):
    """A sequence of layers with residual connections (Vaswani et al., 2017, section 3.1)."""

    num_layers: Annotated[int, Field(ge=1, le=10_000)]
    """Number of layers."""
    num_layer_groups: PositiveInt | None = None
    """Number of groups of consecutive layers; the layers of a group share their weights (Lan et
    al., 2020, section 3.1). It must divide num_layers. Default: each layer has its own weights."""
    skip_first_norm: bool = False
    """Whether the first layer has no norm before its attention. Only for norm_placement pre and
    sandwich."""
    final_norm: bool | None = None
    """Whether the stack ends with a norm. Default: true for norm_placement pre and sandwich, false
    for post."""
    final_dropout: Probability = 0.0
    """Dropout rate of the output of the stack, at least 0 and below 1."""
    overrides: tuple[Annotated[dict[str, Any], Partial(LayerOverride)], ...] = ()
    """Settings of some layers that differ from those of the stack. Each entry names its layers;
    later entries override earlier ones, and null removes a setting. Default: all layers have
    the same settings."""

    @model_validator(mode="wrap")
    @classmethod
    def _check_overrides(cls, data: Any, handler: Any) -> Any:
        stack = handler(data)
        check_overrides(stack._own(), stack.overrides, stack.num_layers)
        return stack

    @property
    def layers(self) -> tuple[StackLayerConfig, ...]:
        """Settings of each layer."""
        if not self.overrides:
            return (self,) * self.num_layers
        own, per_layer, merged = self._own(), self._overrides_per_layer(), {}
        for indices in set(per_layer):
            settings = merged_settings(own, [self.overrides[index] for index in indices])
            merged[indices] = StackLayerConfig.model_validate(settings)
        return tuple(merged[indices] for indices in per_layer)

    @property
    def layers_in_group(self) -> int:
        """Number of layers that share the same weights."""
        return self.num_layers // (self.num_layer_groups or self.num_layers)

    @override
    def sizes(self) -> Iterator[tuple[str, int]]:
        if not self.overrides:
            yield from super().sizes()
            return
        for layer in self.layers:
            yield from layer.sizes()

    def scaled(self, fraction: Fraction) -> "StackConfig":
        """Return a copy of the settings with all sublayer sizes multiplied by `fraction`."""
        overrides = tuple(
            {"layers": str(index), **_scaled_settings(layer, fraction)}
            for index, layer in enumerate(self.layers)
            if self.overrides
        )
        return self.model_copy(update={**self.scaled_sublayers(fraction), "overrides": overrides})

    def build(self, layers: LayerNamespace, name: str, context: LayerContext) -> "Stack":
        """Return the stack.

        Args:
            layers: `keras.layers` or a `ParameterCounter`.
            name: Name of the stack, and prefix of the names of its layers.
            context: Context of the first layer.
        """
        return Stack(self, layers, name, context)

    def problems(self, context: LayerContext) -> Iterator[Problem]:
        """Yield the problems that involve several fields, with paths relative to the stack."""
        layers = self.layers
        for indices, layer in dict(zip(self._overrides_per_layer(), layers, strict=True)).items():
            for problem in layer.layer_problems(context):
                yield Problem(self._override_path(indices, problem.path), problem.message)
        yield from self._overrides_without_effect()
        yield from self._group_problems()
        first = layers[0].norm_placement
        if self.skip_first_norm and first == "post":
            yield Problem(("skip_first_norm",), "has no effect for norm_placement: post; remove it")
        elif self.skip_first_norm and self.layers_in_group > 1:
            yield Problem(
                ("skip_first_norm",),
                "cannot be true if the first layer shares its weights with other layers",
            )

    def _own(self) -> dict[str, Any]:
        return self.model_dump(include=set(StackLayerConfig.model_fields), exclude_none=True)

    def _overrides_per_layer(self) -> tuple[tuple[int, ...], ...]:
        return overrides_per_layer(self.overrides, self.num_layers)

    def _override_path(self, indices: tuple[int, ...], path: tuple) -> tuple:
        """Return the path of a layer's problem, in the last override that sets the field if any."""
        for depth in (len(path), 1):
            for index in reversed(indices):
                if _has_path(self.overrides[index], path[:depth]):
                    return ("overrides", index, *path)
        return path

    def _overrides_without_effect(self) -> Iterator[Problem]:
        used = {index for indices in self._overrides_per_layer() for index in indices}
        for index, settings in enumerate(self.overrides):
            if index not in used:
                yield Problem(
                    ("overrides", index, "layers"),
                    f"selects none of the {self.num_layers} layers",
                )
            elif set(settings) == {"layers"}:
                yield Problem(("overrides", index), "changes no setting; remove it")

    def _group_problems(self) -> Iterator[Problem]:
        groups = self.num_layer_groups
        if groups is not None and self.num_layers % groups:
            yield Problem(
                ("num_layer_groups",),
                f"num_layer_groups ({groups}) must divide num_layers ({self.num_layers})",
            )
            return
        size, layers = self.layers_in_group, self.layers
        for start in range(0, self.num_layers, size):
            if any(layer != layers[start] for layer in layers[start : start + size]):
                yield Problem(
                    ("overrides",),
                    f"layers {start} to {start + size - 1} share their weights and must have equal "
                    "settings",
                )
                return


def _scaled_settings(layer: StackLayerConfig, fraction: Fraction) -> dict[str, Any]:
    """Return all settings of a layer with the sizes of its sublayers multiplied by `fraction`."""
    scaled = layer.model_copy(update=layer.scaled_sublayers(fraction))
    return scaled.model_dump(include=set(StackLayerConfig.model_fields))


def _has_path(override: Any, path: tuple) -> bool:
    for key in path:
        if not isinstance(override, dict) or key not in override:
            return False
        override = override[key]
    return True


class Stack:
    """A built stack of layers. Layers can share weights and position embeddings."""

    def __init__(
        self, config: StackConfig, layers: LayerNamespace, name: str, context: LayerContext
    ) -> None:
        self.causal = context.causal
        self.layers: list[StackLayer] = []
        self._shared_positions: dict[Any, AttentionPosition] = {None: AttentionPosition()}
        layer_configs = config.layers
        self._windows = [layer.attention.window() for layer in layer_configs]
        for index, settings in enumerate(layer_configs):
            group, index_in_group = divmod(index, config.layers_in_group)
            if index_in_group:
                self.layers.append(self.layers[-1])
                continue
            layer_name, layer_context = f"{name}.layers.{group}", context.at(index, group)
            positions = self._positions(settings.attention, layers, layer_name, layer_context)
            norm_first = index > 0 or not config.skip_first_norm
            self.layers.append(
                StackLayer(settings, layers, layer_name, layer_context, positions, norm_first)
            )
        has_final_norm = config.final_norm
        if has_final_norm is None:
            has_final_norm = config.norm_placement != "post"
        self.final_norm = identity
        if has_final_norm:
            self.final_norm = config.norm.build(layers, f"{name}.final_norm", context.width, HEAD)
        self.final_dropout = dropout(layers, f"{name}.final_dropout", config.final_dropout)

    def __call__(
        self,
        hidden: Any,
        positions: TokenPositions,
        routing: list,
        memory: Any = None,
        memory_context: AttentionContext | None = None,
    ) -> Any:
        """Return the output [B, T, D] of the stack.

        Args:
            hidden: Embeddings, [B, T, D].
            positions: Positions of the tokens.
            routing: List to which expert routers append their decisions, for `load_balancing_loss`.
            memory: Output of the encoder, [B, S, D]. Default: None, without cross-attention.
            memory_context: Mask of the memory. Default: None, without cross-attention.
        """
        contexts = self._contexts(positions, hidden.dtype)
        for layer, context in zip(self.layers, contexts, strict=True):
            projected = layer.project_memory(memory)
            hidden = layer(hidden, context, projected, memory_context, routing)
        return self.final_dropout(self.final_norm(hidden))

    def project_memory(self, memory: Any) -> list:
        """Return each layer's projections of a memory [B, S, D], which all decoding steps read."""
        return [layer.project_memory(memory) for layer in self.layers]

    def init_cache(self, batch_size: int, max_length: int, dtype: str = "float32") -> list:
        """Return an empty key-value cache for each layer, with space for `max_length` tokens."""
        return [layer.attention.init_cache(batch_size, max_length, dtype) for layer in self.layers]

    def call_with_cache(
        self,
        hidden: Any,
        cache: list,
        index: Any,
        positions: TokenPositions,
        memory: list,
        memory_context: AttentionContext | None = None,
    ) -> tuple[Any, list]:
        """Return the output [B, T, D] for the next tokens, and the new cache.

        Args:
            hidden: The next tokens, [B, T, D].
            cache: Output of `init_cache` or of an earlier call.
            index: Position of the first of the next tokens in the cache, from 0.
            positions: Positions of the next tokens as queries and of the whole cache as keys.
            memory: Output of `project_memory`.
            memory_context: Mask of the memory. Default: None, without cross-attention.
        """
        new_cache = []
        contexts = self._contexts(positions, hidden.dtype)
        for layer, context, layer_cache, projected in zip(
            self.layers, contexts, cache, memory, strict=True
        ):
            hidden, layer_cache = layer.call_with_cache(
                hidden, layer_cache, index, context, projected, memory_context
            )
            new_cache.append(layer_cache)
        return self.final_norm(hidden), new_cache

    def _positions(
        self, attention: AttentionConfig, layers: LayerNamespace, name: str, context: LayerContext
    ) -> AttentionPosition:
        """Return a layer's attention positions; layers with equal requests can share them."""
        request = attention.position_request(context)
        key = request and (request, None if request.config.shared else name)
        if request is not None and key not in self._shared_positions:
            self._shared_positions[key] = request.build(
                layers, f"{name}.attention.positions", context
            )
        return self._shared_positions[key]

    def _contexts(self, positions: TokenPositions, dtype: str) -> list[AttentionContext]:
        """Return the context of each layer; layers with equal windows and positions share one."""
        masks, features, contexts = {}, {}, {}
        layers = list(zip(self.layers, self._windows, strict=True))
        for layer, window in layers:
            layer_positions = layer.attention.positions
            if window not in masks:
                masks[window] = mask_bias(positions.allowed(self.causal, window), dtype)
            if layer_positions not in features:
                features[layer_positions] = layer_positions.features(positions, dtype)
            if (window, layer_positions) not in contexts:
                bias = layer_positions.bias(masks[window], features[layer_positions])
                contexts[window, layer_positions] = AttentionContext(
                    bias, features[layer_positions]
                )
        return [contexts[window, layer.attention.positions] for layer, window in layers]
