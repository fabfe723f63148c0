"""A batch: the inputs of the graph that is trained, and the target of each loss term.

This is the schema of every batch. B is the number of rows, T the padded length of a sequence, and M
the number of predicted positions. Names are those of the arrays in `inputs` and `columns`.

| part | name | array | meaning |
|---|---|---|---|
| inputs | `token_ids` | int32 [B, T] | token ids |
| | `padding_mask` | int32 [B, T] | 1 at real tokens, 0 at padding |
| | `packing_ids` | int32 [B, T] | number of the example within a packed row, from 1; 0: padding |
| | `packing_positions` | int32 [B, T] | position of the token within its example |
| | `segment_ids` | int32 [B, T] | segment of a pair that the token belongs to |
| | `NAME_...` | int32 [B, M] or [B, T] | inputs of the head of the objective NAME |
| targets | name of a loss term | `Target` | what its output is compared with |
| columns | `decoder_targets` | int32 [B, T] | the next token of each decoder token |
| | `pair_class` | int32 [B] | class of a pair of segments |

The first four inputs exist once for each token sequence (`TOKEN_SEQUENCES`): without a prefix where
the model has one stack, and as `encoder_token_ids`, `decoder_token_ids` etc. where it has two. The
packing arrays exist in packed rows only.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""A NumPy array, which within a training step is a tensor of the engine."""


class TokenSequence(NamedTuple):
    """The names of the inputs that belong to one sequence of tokens."""

    token_ids: str
    padding_mask: str
    packing_ids: str
    packing_positions: str


TOKEN_SEQUENCES = {
    prefix: TokenSequence(*(f"{prefix}{name}" for name in TokenSequence._fields))
    for prefix in ("", "encoder_", "decoder_")
}
"""The token sequences that models read, by the prefix of their names."""

PADDING_MASKS = frozenset(sequence.padding_mask for sequence in TOKEN_SEQUENCES.values())
"""The names of all inputs that are padding masks."""

SEGMENT_IDS = "segment_ids"
DECODER_TARGETS = "decoder_targets"
PAIR_CLASS = "pair_class"


class Target(NamedTuple):
    """What the output of a loss term is compared with."""

    ids: Array
    """Classes, int32, or values, float32: [B] or [B, M]; of zeros where a loss has no target."""
    weights: Array
    """Float32, shaped as `ids`: 1.0 where a prediction counts, 0.0 where it does not."""


class Batch(NamedTuple):
    """Arrays of a batch; see the module for their names, shapes and types.

    A named tuple of dictionaries is a pytree for JAX and a nested structure for TensorFlow.
    """

    inputs: dict[str, Array]
    """The inputs of the graph that is trained, and no others."""
    targets: dict[str, Target]
    """The target of each loss term."""
    columns: dict[str, Array]
    """Arrays of the examples that objectives turn into inputs or targets; empty in a finished
    batch."""

    def sequences(self) -> list[TokenSequence]:
        """Return the names of each token sequence of this batch; the encoder's comes first."""
        return [one for one in TOKEN_SEQUENCES.values() if one.padding_mask in self.inputs]

    def padding_masks(self) -> list[Array]:
        """Return the padding mask of each token sequence, int32 [B, T]."""
        return [self.inputs[sequence.padding_mask] for sequence in self.sequences()]

    def num_tokens(self) -> int:
        """Return the number of real tokens of all token sequences; padding is not counted."""
        return sum(int(mask.sum()) for mask in self.padding_masks())

    def shape(self) -> tuple[int, int]:
        """Return the number of rows and the padded length of the longest token sequence."""
        return max((mask.shape for mask in self.padding_masks()), key=lambda shape: shape[1])

    def map_arrays(self, function: Callable[[np.ndarray], np.ndarray]) -> "Batch":
        """Return a batch of what `function` returns for each array."""
        return Batch(
            {name: function(array) for name, array in self.inputs.items()},
            {name: Target(*map(function, target)) for name, target in self.targets.items()},
            {name: function(array) for name, array in self.columns.items()},
        )
