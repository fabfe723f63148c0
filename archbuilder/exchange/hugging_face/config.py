"""A spec out of a `config.json`: each of its fields is read, or has no say here, or is refused."""

import re
from collections.abc import Callable
from typing import Any

from archbuilder.errors import UserError

ACTIVATIONS = {
    "relu": "relu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "silu": "silu",
    "swish": "silu",
    "relu2": "squared_relu",
}

# What does not change the network that we draw: names, other heads, decoding, where things run.
_SILENT = re.compile(
    r"transformers_version|architectures|_name_or_path|model_type|(torch_)?dtype|return_dict|"
    r"output_.*|chunk_size_feed_forward|is_encoder_decoder|id2label|label2id|problem_type|"
    r"use_(cache|return_dict|bfloat16)|_?num_labels|directionality|pooler_.*|tie_weights_|"
    r".*_token_id|forced_.*|initializer_.*|init_std|classif.*|qa_.*|seq_classif_.*|summary_.*|"
    r"sparse_pred.*|deterministic_flash_attn|reference_compile|task_specific_params|prefix|"
    r"gradient_checkpointing|num_beams|max_length|min_length|early_stopping|length_penalty|"
    r"no_repeat_ngram_size|bad_words_ids|n_ctx|n_special|predict_special_tokens|"
    r"finetuning_task|extra_pos_embeddings|n_positions|"
    r"attn_implementation"
)


class Config:
    """The fields of a `config.json`, and which of them have been read.

    `holds` tells of a part of the model, or of a head, whether there are weights of it.
    """

    def __init__(self, fields: dict[str, Any], holds: Callable[[str], bool]):
        self._fields, self._read, self.holds = fields, set(), holds

    def __call__(self, name: str, default: Any = None) -> Any:
        """The value of a field, or the default where there is none."""
        self._read.add(name)
        found = self._fields.get(name)
        return default if found is None else found

    def activation(self, name: str, default: str = "gelu") -> str:
        """The name of a non-linearity."""
        found = self(name, default)
        if not isinstance(found, str) or found not in ACTIVATIONS:
            raise refused(name, found)
        return ACTIVATIONS[found]

    def only(self, **values: Any) -> None:
        """Fields that can have these values alone, where they are given."""
        for name, value in values.items():
            if self(name, value) != value:
                raise refused(name, self(name))

    def finish(self) -> None:
        """Raises `UserError` for the first field that nobody read and that may have a say."""
        for name, value in self._fields.items():
            told = name in self._read or _SILENT.fullmatch(name)
            if not told and value not in (None, False, 0, 0.0, "", [], {}):
                raise refused(name, value)


def refused(name: str, value: Any) -> UserError:
    """The mistake of a field whose value the language has no words for."""
    return UserError(f"config.json: {name}: {value!r} cannot be said in a spec")


def activation_name(ours: str) -> str | None:
    """What a non-linearity is called there."""
    return next((theirs for theirs, found in ACTIVATIONS.items() if found == ours), None)


def layer_norm(epsilon: float, **more: Any) -> dict:
    """A layer norm, as a plain spec."""
    return {"type": "layer_norm", "epsilon": epsilon, **more}


def stack(num_layers: int, attention: dict, feed_forward: dict, norm: dict, **more: Any) -> dict:
    """A stack with attention of several heads, as a plain spec."""
    return {
        "num_layers": num_layers,
        "attention": {"type": "multi_head", **attention},
        "feed_forward": {"type": "mlp", **feed_forward},
        "norm": norm,
        **more,
    }
