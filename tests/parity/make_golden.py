"""Write bert.npz: weights, a batch and logits of `transformers`, for tests without torch.

.venv-oracle/bin/python tests/parity/make_golden.py
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import reference_bert

from tests.parity import bert

if __name__ == "__main__":
    model, state = reference_bert.random_bert(**bert.SIZES, seed=0)
    batch = bert.ragged_batch(bert.SIZES["vocabulary_size"], rows=3, length=11, seed=0)
    weights = bert.keras_weights(state, bert.SIZES["num_layers"])
    arrays = {f"weight:{name}": array for name, array in weights.items()}
    arrays |= {f"input:{name}": array for name, array in batch.items()}
    logits = reference_bert.logits(model, batch)
    arrays |= {f"output:{name}": array for name, array in logits.items()}
    np.savez_compressed(Path(__file__).parent / "bert.npz", **arrays)
