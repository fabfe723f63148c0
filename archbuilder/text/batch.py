"""Batches: the inputs of the trained model, and the target of each loss term.

All batches have this schema. B is the number of rows, T the padded length of a sequence, and M the
number of predicted positions.

| part | name | array | meaning |
|---|---|---|---|
| inputs | `token_ids` | int32 [B, T] | token ids |
| | `padding_mask` | int32 [B, T] | 1 at real tokens, 0 at padding |
| | `packing_ids` | int32 [B, T] | number of the example in a packed row, from 1; 0 at padding |
| | `packing_positions` | int32 [B, T] | position of the token within its example |
| | `segment_ids` | int32 [B, T] | segment that the token belongs to, 0 or 1 |
| | `NAME_...` | int32 [B, M] or [B, T] | inputs of the head of objective NAME |
| targets | name of a loss term | `Target` | target and weight of each prediction |
| columns | `decoder_targets` | int32 [B, T] | the next token of each decoder token |
| | `pair_class` | int32 [B] | class of a pair of segments |

The first four inputs exist once for each token sequence (`TOKEN_SEQUENCES`). Their names have no
prefix if the model has one stack, and the prefix `encoder_` or `decoder_` if it has two. The
packing arrays exist only if rows are packed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""NumPy array; within a training step, a tensor of the backend."""


class TokenSequence(NamedTuple):
    """Names of the inputs that describe one token sequence."""

    token_ids: str
    padding_mask: str
    packing_ids: str
    packing_positions: str


TOKEN_SEQUENCES = {
    prefix: TokenSequence(*(f"{prefix}{name}" for name in TokenSequence._fields))
    for prefix in ("", "encoder_", "decoder_")
}
"""Token sequences of models, by the prefix of their names."""

PADDING_MASKS = frozenset(sequence.padding_mask for sequence in TOKEN_SEQUENCES.values())
"""Names of all padding masks."""

SEGMENT_IDS = "segment_ids"
DECODER_TARGETS = "decoder_targets"
PAIR_CLASS = "pair_class"


class Target(NamedTuple):
    """Target of a loss term."""

    ids: Array
    """Classes, int32, or values, float32: [B] or [B, M]. Zeros if the loss has no target."""
    weights: Array
    """Weights, float32, shaped as `ids`: 1.0 if a prediction is scored, otherwise 0.0."""


class Batch(NamedTuple):
    """Arrays of a batch; see the module docstring for their names, shapes and types.

    A named tuple of dictionaries is a pytree for JAX and a nested structure for TensorFlow.
    """

    inputs: dict[str, Array]
    """Inputs of the trained model, and no others."""
    targets: dict[str, Target]
    """Target of each loss term, by name."""
    columns: dict[str, Array]
    """Arrays of the examples that objectives convert into inputs or targets; empty in a finished
    batch."""

    def sequences(self) -> list[TokenSequence]:
        """Return the names of the inputs of each token sequence; the encoder comes first."""
        return [names for names in TOKEN_SEQUENCES.values() if names.padding_mask in self.inputs]

    def padding_masks(self) -> list[Array]:
        """Return the padding mask of each token sequence, int32 [B, T]."""
        return [self.inputs[sequence.padding_mask] for sequence in self.sequences()]

    def num_tokens(self) -> int:
        """Return the number of tokens of all sequences, padding excluded."""
        return sum(int(mask.sum()) for mask in self.padding_masks())

    def shape(self) -> tuple[int, int]:
        """Return the number of rows and the padded length of the longest sequence."""
        return max((mask.shape for mask in self.padding_masks()), key=lambda shape: shape[1])

    def map_arrays(self, function: Callable[[np.ndarray], np.ndarray]) -> "Batch":
        """Return a batch with `function` applied to each array."""
        return Batch(
            {name: function(array) for name, array in self.inputs.items()},
            {name: Target(*map(function, target)) for name, target in self.targets.items()},
            {name: function(array) for name, array in self.columns.items()},
        )
