"""RoBERTa (Liu et al., 2019): BERT whose position ids start at the padding token's id + 1."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from typing_extensions import override

from archbuilder.pretrained.hugging_face.architecture import Arrays, HFArchitecture
from archbuilder.pretrained.hugging_face.bert import bert_fields, bert_names, bert_spec
from archbuilder.pretrained.hugging_face.config import Config
from archbuilder.pretrained.hugging_face.fields import Derived, Row, Tree
from archbuilder.pretrained.hugging_face.weight_names import WeightNames
from archbuilder.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class _PositionsAfterPadding(Row):
    """The fields for the first position id, which is the padding token's id + 1.

    `max_position_embeddings` includes the unused rows before it.
    """

    @override
    def read(self, config: Config, spec: Tree) -> None:
        positions = spec["positions"]
        positions["offset"] = config.get("pad_token_id", 1) + 1
        positions["max_sequence_length"] -= positions["offset"]

    @override
    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        offset = model["positions"]["offset"]
        fields["max_position_embeddings"] += offset
        fields["pad_token_id"] = offset - 1


def _move_positions(fields: dict[str, Any], arrays: Arrays, vocabulary: Vocabulary) -> None:
    """Move the rows of the position table to match the padding token's id of a vocabulary.

    Rows 0 to the padding token's id are zeros, and position 0 has the next row. `fields` and
    `arrays` are changed in place.
    """
    name = f"{ROBERTA.weight_names.names['positions']}.weight"
    table = arrays[name][fields["pad_token_id"] + 1 :]
    arrays[name] = np.pad(table, ((vocabulary.padding_id + 1, 0), (0, 0)))
    fields["pad_token_id"] = vocabulary.padding_id
    fields["max_position_embeddings"] = len(arrays[name])


ROBERTA = HFArchitecture(
    "roberta",
    bert_spec(pooler={"type": "first_token"}),
    (
        *bert_fields(),
        _PositionsAfterPadding(),
        Derived("heads.masked_lm.activation", lambda config, spec: "gelu"),
    ),
    WeightNames(
        {
            **bert_names("roberta"),
            "masked_lm.transform": "lm_head.dense",
            "masked_lm.norm": "lm_head.layer_norm",
            "masked_lm.bias": "lm_head",
        },
        "roberta",
    ),
    {(): "RobertaModel", ("masked_lm",): "RobertaForMaskedLM"},
    special_ids={"bos": "start", "eos": "end"},
    fit_to_vocabulary=_move_positions,
)
