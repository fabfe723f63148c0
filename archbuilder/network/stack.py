"""A stack of layers that are equal but for overrides."""

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
    check,
    overrides_per_layer,
    settings_after,
)
from archbuilder.network.layer_role import HEAD
from archbuilder.network.stack_layer import StackLayer, StackLayerConfig


class StackConfig(StackLayerConfig):
    """Layers one upon another, with residual connections (Vaswani et al., 2017, section 3.1)."""

    num_layers: Annotated[int, Field(ge=1, le=10_000)]
    """Layers."""
    num_layer_groups: PositiveInt | None = None
    """Groups of consecutive layers that share their weights (Lan et al., 2020, section 3.1).
    Default: each layer has its own."""
    skip_first_norm: bool = False
    """Whether the first layer's attention reads its input as it is, where norms come before."""
    final_norm: bool | None = None
    """Whether the stack ends with a norm. Default: where norms come before sublayers."""
    final_dropout: Probability = 0.0
    """Fraction of the stack's output dropped in training."""
    overrides: tuple[Annotated[dict[str, Any], Partial(LayerOverride)], ...] = ()
    """Changes to some layers, the later over the earlier; a null takes away."""

    @model_validator(mode="wrap")
    @classmethod
    def _overrides_make_layers(cls, data: Any, handler: Any) -> Any:
        stack = handler(data)
        check(stack._own(), stack.overrides, stack.num_layers)
        return stack

    @property
    def layers(self) -> tuple[StackLayerConfig, ...]:
        """Settings of each layer."""
        if not self.overrides:
            return (self,) * self.num_layers
        own, numbers_of_layers, merged = self._own(), self._overrides_per_layer(), {}
        for numbers in set(numbers_of_layers):
            settings = settings_after(own, [self.overrides[number] for number in numbers])
            merged[numbers] = StackLayerConfig.model_validate(settings)
        return tuple(merged[numbers] for numbers in numbers_of_layers)

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
        """Return the stack with the sizes of its sublayers multiplied by `fraction`."""
        overrides = tuple(
            {"layers": str(index), **_dumped(layer, fraction)}
            for index, layer in enumerate(self.layers)
            if self.overrides
        )
        return self.model_copy(update={**self.scaled_sublayers(fraction), "overrides": overrides})

    def build(self, layers: LayerNamespace, name: str, context: LayerContext) -> "Stack":
        """Return the stack; `context` is that of its first layer."""
        return Stack(self, layers, name, context)

    def problems(self, context: LayerContext) -> Iterator[Problem]:
        """Yield what does not fit together, or not where the stack is."""
        layers = self.layers
        for numbers, layer in dict(zip(self._overrides_per_layer(), layers, strict=True)).items():
            for problem in layer.layer_problems(context):
                yield Problem(self._line(numbers, problem.path), problem.sentence)
        yield from self._overrides_without_effect()
        yield from self._groups_that_differ()
        first = layers[0].norm_placement
        if self.skip_first_norm and first == "post":
            yield Problem(("skip_first_norm",), "no norm comes before attention to be left out")
        elif self.skip_first_norm and self.layers_in_group > 1:
            yield Problem(("skip_first_norm",), "the first layer shares its weights with others")

    def _own(self) -> dict[str, Any]:
        return self.model_dump(include=set(StackLayerConfig.model_fields), exclude_none=True)

    def _overrides_per_layer(self) -> tuple[tuple[int, ...], ...]:
        return overrides_per_layer(self.overrides, self.num_layers)

    def _line(self, numbers: tuple[int, ...], path: tuple) -> tuple:
        """Return the path of a problem in a layer: in the last override that set the field."""
        for depth in (len(path), 1):
            for number in reversed(numbers):
                if _has(self.overrides[number], path[:depth]):
                    return ("overrides", number, *path)
        return path

    def _overrides_without_effect(self) -> Iterator[Problem]:
        used = {number for numbers in self._overrides_per_layer() for number in numbers}
        for number, override in enumerate(self.overrides):
            if number not in used:
                yield Problem(
                    ("overrides", number, "layers"), f"none of the {self.num_layers} layers"
                )
            elif set(override) == {"layers"}:
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


def _dumped(layer: StackLayerConfig, fraction: Fraction) -> dict[str, Any]:
    """Return all settings of a layer with the sizes of its sublayers multiplied by `fraction`."""
    scaled = layer.model_copy(update=layer.scaled_sublayers(fraction))
    return scaled.model_dump(include=set(StackLayerConfig.model_fields))


def _has(override: Any, path: tuple) -> bool:
    for key in path:
        if not isinstance(override, dict) or key not in override:
            return False
        override = override[key]
    return True


class Stack:
    """The layers, and the positions that they share."""

    def __init__(
        self, config: StackConfig, layers: LayerNamespace, name: str, context: LayerContext
    ) -> None:
        self.causal = context.causal
        self.layers: list[StackLayer] = []
        self._shared_positions: dict[Any, AttentionPosition] = {None: AttentionPosition()}
        each = config.layers
        self._windows = [layer.attention.window() for layer in each]
        for index, settings in enumerate(each):
            group, within = divmod(index, config.layers_in_group)
            if within:
                self.layers.append(self.layers[-1])
                continue
            layer_name, here = f"{name}.layers.{group}", context.at(index, group)
            positions = self._positions(settings.attention, layers, layer_name, here)
            norm_first = index > 0 or not config.skip_first_norm
            self.layers.append(
                StackLayer(settings, layers, layer_name, here, positions, norm_first)
            )
        ends = config.norm_placement != "post" if config.final_norm is None else config.final_norm
        self.final_norm = identity
        if ends:
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
        """Return [B, T, D] for hidden [B, T, D] and a memory [B, S, D].

        Routers append their choices to `routing`, for `load_balancing_loss`.
        """
        contexts = self._contexts(positions, hidden.dtype)
        for layer, context in zip(self.layers, contexts, strict=True):
            projected = layer.project_memory(memory)
            hidden = layer(hidden, context, projected, memory_context, routing)
        return self.final_dropout(self.final_norm(hidden))

    def project_memory(self, memory: Any) -> list:
        """Return what each layer reads of a memory [B, S, D], once for all decoding steps."""
        return [layer.project_memory(memory) for layer in self.layers]

    def init_cache(self, batch_size: int, max_length: int, dtype: str = "float32") -> list:
        """Return each layer's cache of no tokens, with room for `max_length`."""
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
        """Return [B, T, D] for the tokens from position `index` on, and the new cache.

        Args:
            hidden: The next tokens, [B, T, D].
            cache: From `init_cache` or an earlier call.
            index: Position of the first of the next tokens.
            positions: The positions of the next tokens as queries and of the whole cache as keys.
            memory: From `project_memory`.
            memory_context: Which tokens of the memory may be attended to.
        """
        new_cache = []
        contexts = self._contexts(positions, hidden.dtype)
        for layer, context, old, projected in zip(
            self.layers, contexts, cache, memory, strict=True
        ):
            hidden, new = layer.call_with_cache(
                hidden, old, index, context, projected, memory_context
            )
            new_cache.append(new)
        return self.final_norm(hidden), new_cache

    def _positions(
        self, attention: AttentionConfig, layers: LayerNamespace, name: str, context: LayerContext
    ) -> AttentionPosition:
        """Return the positions of a layer: its own, or those of all layers with equal requests."""
        request = attention.position_request(context)
        key = request and (request, None if request.config.shared else name)
        if request is not None and key not in self._shared_positions:
            self._shared_positions[key] = request.build(
                layers, f"{name}.attention.positions", context
            )
        return self._shared_positions[key]

    def _contexts(self, positions: TokenPositions, dtype: str) -> list[AttentionContext]:
        """Return each layer's context, computed once for all layers that see the same."""
        masks, features, contexts = {}, {}, {}
        layers = list(zip(self.layers, self._windows, strict=True))
        for layer, window in layers:
            hooks = layer.attention.positions
            if window not in masks:
                masks[window] = mask_bias(positions.allowed(self.causal, window), dtype)
            if hooks not in features:
                features[hooks] = hooks.features(positions, dtype)
            if (window, hooks) not in contexts:
                bias = hooks.bias(masks[window], features[hooks])
                contexts[window, hooks] = AttentionContext(bias, features[hooks])
        return [contexts[window, layer.attention.positions] for layer, window in layers]
