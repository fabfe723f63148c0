"""How attention knows how far apart its tokens are; each layer of a stack may have its own way."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from archbuilder.language import Problem, Spec, at_key
from archbuilder.network.attention_mask import TokenPositions
from archbuilder.network.layer import dense, embedding
from archbuilder.network.position import frequencies
from archbuilder.network.rotary_scaling import AnyRotaryScaling


class AttentionPositionConfig(Spec):
    """The interface of positions within attention."""

    shared: ClassVar[bool] = True
    """Whether all layers of a stack that ask for the same have one part, and one view, together."""

    @abstractmethod
    def build(self, layers, name: str, heads: int, key_dim: int, initializer, causal: bool):
        """The part for attention with so many heads, each of width `key_dim`."""

    def problems(self, key_dim: int) -> Iterator[Problem]:
        """What does not fit together, with heads of width `key_dim`."""
        yield from ()


class AttentionPosition:
    """The interface of the parts, whose every hook leaves things as they are."""

    def view(self, places: TokenPositions, dtype) -> Any:
        """What depends on places alone; the other hooks get it."""
        return None

    def bias(self, mask, view):
        """What is added to scores, in place of the mask alone."""
        return mask

    def rotate(self, heads, view):
        """Queries or keys [B, H, T, K], turned."""
        return heads

    def score(self, scores, queries, view):
        """The scores [B, H, T, S] of queries [B, H, T, K]."""
        return scores

    def mix(self, attended, weights, view):
        """What the weights [B, H, T, S] gathered, [B, H, T, K]."""
        return attended


class ShawConfig(AttentionPositionConfig):
    """A learned vector for each distance, added to keys (Shaw et al., 2018, equations 3 to 5)."""

    type: Literal["shaw"]
    max_distance: PositiveInt
    """Tokens; what is further away counts as being there."""
    values: bool = False
    """Whether values get vectors of their own, too."""

    shared: ClassVar[bool] = False

    def build(self, layers, name: str, heads: int, key_dim: int, initializer, causal: bool):
        return Shaw(self, layers, name, key_dim, initializer)


class Shaw(AttentionPosition):
    """The layer of `ShawConfig`: R = 2 max_distance + 1 vectors, the same for all heads."""

    def __init__(self, spec: ShawConfig, layers, name: str, key_dim: int, initializer):
        self.reach, rows = spec.max_distance, 2 * spec.max_distance + 1
        options = {"use_bias": False}
        self.keys = dense(layers, f"{name}.keys", key_dim, rows, initializer, **options)
        self.values = None
        if spec.values:
            self.values = dense(layers, f"{name}.values", rows, key_dim, initializer, **options)

    def view(self, places, dtype):  # -> [B or 1, T, S, R], one-hot
        from keras import ops

        offsets = ops.clip(places.offsets(), -self.reach, self.reach) + self.reach
        return ops.one_hot(offsets, 2 * self.reach + 1, dtype=dtype)

    def score(self, scores, queries, view):
        from keras import ops

        each = ops.transpose(self.keys(queries), (0, 2, 1, 3))  # [B, T, H, R]
        found = ops.matmul(each, ops.transpose(view, (0, 1, 3, 2)))  # [B, T, H, S]
        return scores + ops.transpose(found, (0, 2, 1, 3))

    def mix(self, attended, weights, view):
        from keras import ops

        if self.values is None:
            return attended
        each = ops.matmul(ops.transpose(weights, (0, 2, 1, 3)), view)  # [B, T, H, R]
        return attended + ops.transpose(self.values(each), (0, 2, 1, 3))


class T5BucketsConfig(AttentionPositionConfig):
    """A learned number for each head and range of distances, added to scores.

    Raffel et al., 2020, section 2.1; the ranges as in their implementation: one for each small
    distance, then ever wider ones. All layers of a stack share the numbers.
    """

    type: Literal["t5"]
    num_buckets: Annotated[int, Field(ge=4, multiple_of=4)] = 32
    """Ranges; in an encoder half of them are for what comes later."""
    max_distance: PositiveInt = 128
    """Tokens; all that is further away is one range."""

    def build(self, layers, name: str, heads: int, key_dim: int, initializer, causal: bool):
        return T5Buckets(self, layers, name, heads, initializer, causal)

    def problems(self, key_dim: int) -> Iterator[Problem]:
        if self.max_distance <= self.num_buckets // 2:
            yield Problem(
                ("max_distance",),
                f"{self.max_distance} must be more than half of the {self.num_buckets} buckets",
            )

    def ranges(self, causal: bool) -> list[int]:
        """The range of each distance from 0 to `max_distance`, reckoned in whole numbers."""
        count = self.num_buckets if causal else self.num_buckets // 2
        return [_range(distance, count, self.max_distance) for distance in range(self.max_distance)]


def _range(distance: int, count: int, most: int) -> int:
    exact = count // 2
    if distance < exact:
        return distance
    wide, found = count - exact, exact
    # Where log(distance / exact) / log(most / exact) * wide reaches the next whole number.
    while (
        found < count - 1
        and distance**wide * exact ** (found + 1 - exact)
        >= most ** (found + 1 - exact) * exact**wide
    ):
        found += 1
    return found


class T5Buckets(AttentionPosition):
    """The layer of `T5BucketsConfig`."""

    def __init__(
        self, spec: T5BucketsConfig, layers, name: str, heads: int, initializer, causal: bool
    ):
        self.causal, self.most = causal, spec.max_distance
        self.half = spec.num_buckets // 2
        last = spec.num_buckets - 1 if causal else self.half - 1
        self.ranges = [*spec.ranges(causal), last]
        self.table = embedding(layers, name, spec.num_buckets, heads, initializer)

    def view(self, places, dtype):  # -> [B or 1, H, T, S]
        import numpy as np
        from keras import ops

        offsets = places.offsets()
        distance = ops.maximum(-offsets, 0) if self.causal else ops.abs(offsets)
        ranges = ops.take(np.array(self.ranges, "int32"), ops.minimum(distance, self.most))
        if not self.causal:
            ranges = ranges + self.half * ops.cast(offsets > 0, "int32")
        return ops.transpose(self.table(ranges), (0, 3, 1, 2))

    def bias(self, mask, view):
        return mask + view


class RotaryConfig(AttentionPositionConfig):
    """Turn pairs in queries and keys by an angle that grows with position.

    Su et al., 2021, equation 34.
    """

    type: Literal["rotary"]
    max_wavelength: PositiveFloat = 10_000.0
    """The slowest pair turns once in about 2*pi*max_wavelength tokens."""
    rotary_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of a head's width that is turned; the rest stays as it is."""
    layout: Literal["halves", "interleaved"] = "halves"
    """A pair is a channel and the one half of the width further on, as in Llama and GPT-NeoX; or
    two channels side by side, as in the paper and in GPT-J."""
    scaling: AnyRotaryScaling | None = None
    """How the angles are stretched for texts longer than those that a model was trained on."""

    def problems(self, key_dim: int) -> Iterator[Problem]:
        turned = key_dim * self.rotary_share
        if abs(turned - round(turned)) > 1e-6 or round(turned) % 2 or not round(turned):
            yield Problem(
                ("rotary_share",) if self.rotary_share < 1 else (),
                f"channels are turned in pairs, and {turned:g} of a head's {key_dim} are no pairs",
            )
        if self.scaling is not None:
            yield from at_key("scaling", self.scaling.problems())

    def build(self, layers, name: str, heads: int, key_dim: int, initializer, causal: bool):
        return Rotary(self, key_dim)


class Rotary(AttentionPosition):
    """The layer of `RotaryConfig`: R channels are turned, the first of K."""

    def __init__(self, spec: RotaryConfig, key_dim: int):
        self.spec, self.whole = spec, spec.rotary_share == 1
        self.width = round(key_dim * spec.rotary_share)
        half = self.width // 2
        self.interleaved = [pair + side * half for pair in range(half) for side in (0, 1)]
        self.swapped = [place ^ 1 for place in range(self.width)]

    def view(self, places, dtype):  # -> cosines and sines, [B or 1, 1, T, R] each
        from keras import ops

        pairs = frequencies(places.queries, self.width, self.spec.max_wavelength)
        if self.spec.scaling is not None:
            pairs = self.spec.scaling(pairs)
        angles = ops.cast(places.queries, "float32")[..., None] * pairs
        cosines, sines = ops.cos(angles)[:, None], ops.sin(angles)[:, None]  # [.., 1, T, R/2]
        cosines = ops.concatenate([cosines, cosines], axis=-1)
        sines = ops.concatenate([-sines, sines], axis=-1)
        if self.spec.layout == "interleaved":
            cosines, sines = (ops.take(x, self.interleaved, axis=-1) for x in (cosines, sines))
        return ops.cast(cosines, dtype), ops.cast(sines, dtype)

    def rotate(self, heads, view):
        from keras import ops

        cosines, sines = view
        turned = heads if self.whole else heads[..., : self.width]
        turned = turned * cosines + self._partners(turned) * sines
        if self.whole:
            return turned
        return ops.concatenate([turned, heads[..., self.width :]], axis=-1)

    def _partners(self, x):  # Each channel's place is taken by the other of its pair.
        from keras import ops

        if self.spec.layout == "interleaved":
            return ops.take(x, self.swapped, axis=-1)
        half = self.width // 2
        return ops.concatenate([x[..., half:], x[..., :half]], axis=-1)


class AlibiConfig(AttentionPositionConfig):
    """Scores fall with distance, in each head at its own rate (Press et al., 2022, section 3).

    In an encoder they fall to both sides.
    """

    type: Literal["alibi"]

    def build(self, layers, name: str, heads: int, key_dim: int, initializer, causal: bool):
        return Alibi(slopes(heads))


class Alibi(AttentionPosition):
    """The layer of `AlibiConfig`."""

    def __init__(self, slopes: list[float]):
        self.slopes = slopes

    def view(self, places, dtype):  # -> [B or 1, H, T, S]
        import numpy as np
        from keras import ops

        distance = ops.cast(ops.abs(places.offsets()), "float32")[:, None]
        return ops.cast(distance * -np.array(self.slopes, "float32")[None, :, None, None], dtype)

    def bias(self, mask, view):
        return mask + view


def slopes(heads: int) -> list[float]:
    """How fast each head's scores fall with distance.

    2**(-8/n), 2**(-16/n), ... for n heads, a power of two. Else those of the power below, then
    every other one of the power above, as in the authors' implementation.
    """
    below = 2 ** (heads.bit_length() - 1)
    found = [2 ** (-8 * (head + 1) / below) for head in range(below)]
    return found + [2 ** (-4 * (head + 1) / below) for head in range(0, 2 * (heads - below), 2)]


AnyAttentionPosition = Annotated[
    ShawConfig | T5BucketsConfig | RotaryConfig | AlibiConfig, Field(discriminator="type")
]
