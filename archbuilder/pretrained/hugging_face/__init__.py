"""Supported architectures of the `transformers` library, one file each."""

from archbuilder.errors import UserError
from archbuilder.network.backbone import BackboneConfig
from archbuilder.pretrained.hugging_face.albert import ALBERT
from archbuilder.pretrained.hugging_face.architecture import HFArchitecture
from archbuilder.pretrained.hugging_face.bart import BART
from archbuilder.pretrained.hugging_face.bert import BERT
from archbuilder.pretrained.hugging_face.distilbert import DISTILBERT
from archbuilder.pretrained.hugging_face.electra import ELECTRA
from archbuilder.pretrained.hugging_face.gpt2 import GPT2
from archbuilder.pretrained.hugging_face.llama import LLAMA
from archbuilder.pretrained.hugging_face.marian import MARIAN
from archbuilder.pretrained.hugging_face.modernbert import MODERNBERT
from archbuilder.pretrained.hugging_face.roberta import ROBERTA
from archbuilder.pretrained.hugging_face.t5 import T5

__all__ = ["ARCHITECTURES", "HFArchitecture", "architecture_of", "similar_architectures"]


def architecture_of(model_type: object) -> HFArchitecture:
    """Return the architecture with a `model_type`. Raise UserError if it is not supported."""
    for architecture in ARCHITECTURES:
        if architecture.model_type == model_type:
            return architecture
    supported = ", ".join(architecture.model_type for architecture in ARCHITECTURES)
    raise UserError(
        f"config.json: unsupported model_type {model_type!r}; supported are {supported}"
    )


def similar_architectures(model: BackboneConfig) -> list[HFArchitecture]:
    """Return the architectures with the same stacks (encoder, decoder or both) as a model."""
    stacks = {name for name in ("encoder", "decoder") if getattr(model, name) is not None}
    return [architecture for architecture in ARCHITECTURES if architecture.stacks == stacks]


ARCHITECTURES = (
    BERT,
    ROBERTA,
    DISTILBERT,
    ELECTRA,
    ALBERT,
    MODERNBERT,
    T5,
    BART,
    MARIAN,
    GPT2,
    LLAMA,
)
