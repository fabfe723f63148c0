"""Fields of a `config.json`: each is read, has no effect on the network, or is rejected."""

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
"""Names of activation functions in a spec, by their names in a `config.json`."""

# Names, heads that are not imported, generation settings and runtime settings.
_WITHOUT_EFFECT = re.compile(
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

HasWeights = Callable[[str], bool]
"""Function that returns whether a folder has the weights of a layer or head with a name."""


class Config:
    """The fields of a `config.json`, with a record of the fields that were read."""

    def __init__(self, fields: dict[str, Any], has_weights: HasWeights) -> None:
        self._fields = fields
        self._read: set[str] = set()
        self.has_weights = has_weights

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a field, or the default if it is missing or null."""
        self._read.add(name)
        value = self._fields.get(name)
        return default if value is None else value

    def activation(self, name: str, default: str = "gelu") -> str:
        """Return the activation function in a field, by its name in a spec.

        Args:
            name: The name of the field.
            default: The value if the field is missing. Default: "gelu".

        Raises:
            UserError: The activation function is not supported.
        """
        value = self.get(name, default)
        if not isinstance(value, str) or value not in ACTIVATIONS:
            raise unsupported_field(name, value)
        return ACTIVATIONS[value]

    def require(self, **values: Any) -> None:
        """Raise UserError for the first field with another value than the given one."""
        for name, value in values.items():
            if self.get(name, value) != value:
                raise unsupported_field(name, self.get(name))

    def finish(self) -> None:
        """Raise UserError for the first field that was not read and may have an effect."""
        for name, value in self._fields.items():
            is_handled = name in self._read or _WITHOUT_EFFECT.fullmatch(name)
            if not is_handled and value not in (None, False, 0, 0.0, "", [], {}):
                raise unsupported_field(name, value)


def unsupported_field(name: str, value: Any) -> UserError:
    """Return the error for a field with a value that a spec cannot express."""
    return UserError(f"config.json: unsupported value {name}={value!r}")
