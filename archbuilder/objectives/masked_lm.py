"""Masked language modeling: predict masked tokens from the tokens on both sides."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveInt
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.language import Problem
from archbuilder.network.activation import Activation, activate
from archbuilder.network.backbone import Backbone, BackboneConfig
from archbuilder.network.layer import bias, dense
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.norm import AnyNorm, LayerNormConfig
from archbuilder.objectives.classification import ClassificationObjective
from archbuilder.objectives.loss_term import Tensor
from archbuilder.objectives.objective import Head, Rate
from archbuilder.objectives.selection import (
    AnySelection,
    SelectedTokens,
    TokenSelection,
    select_tokens,
)
from archbuilder.text.batch import TOKEN_SEQUENCES, Array, Batch, Target
from archbuilder.text.vocabulary import Vocabulary


class MaskedLM(ClassificationObjective):
    """Masked language modeling: prediction of masked tokens.

    Devlin et al., 2018, section 3.1, task 1; appendix A.1.
    """

    type: Literal["masked_lm"]
    mask_selection: AnySelection = TokenSelection(type="tokens")
    """Units that are selected: single tokens, whole words, or spans of words."""
    mask_selection_rate: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Fraction of the tokens of a sequence that are selected for prediction, without special
    tokens."""
    mask_token_rate: Rate = 0.8
    """Fraction of the selected tokens that are replaced by the mask token."""
    random_token_rate: Rate = 0.1
    """Fraction of the selected tokens that are replaced by a random token. The rest are
    unchanged."""
    mask_selection_length: PositiveInt = 20
    """Maximum number of selected tokens per sequence."""
    activation: Activation = "gelu"
    """Activation function after the transform, the hidden layer of the head."""
    norm: AnyNorm = LayerNormConfig(type="layer_norm", epsilon=1e-12)
    """Normalization after the transform."""
    transform_bias: bool = True
    """Whether the transform has a bias."""

    head_type: ClassVar[str] = "masked_lm"
    corrupts_inputs: ClassVar[bool] = True
    shows_predictions: ClassVar[bool] = True

    @override
    def inputs(self, name: str) -> list[str]:
        return [f"{name}_positions"]

    @override
    def build(self, layers: LayerNamespace, name: str, backbone: Backbone) -> Head:
        dim = backbone.config.hidden_dim
        return MaskedLMHead(
            self.activation, self.norm, layers, name, backbone, dim, self.transform_bias
        )

    @override
    def prepare_batch(
        self, name: str, batch: Batch, rng: "np.random.Generator", vocabulary: Vocabulary
    ) -> None:
        (positions,), token_ids = self.inputs(name), TOKEN_SEQUENCES[""].token_ids
        selected = select_tokens(
            batch,
            self.mask_selection,
            self.mask_selection_rate,
            self.mask_selection_length,
            rng,
            vocabulary,
        )
        replacements = self._replacements(selected, rng, vocabulary)
        batch.inputs[token_ids] = selected.replace(batch.inputs[token_ids], replacements)
        batch.inputs[positions] = selected.positions
        batch.targets[name] = Target(selected.targets, selected.weights)

    @override
    def check_vocabulary(self, vocabulary: Vocabulary) -> None:
        if vocabulary.mask_id is None and self.mask_token_rate:
            raise UserError("masked_lm: the tokenizer has no mask token; set mask_token_rate to 0")

    def _replacements(
        self, selected: SelectedTokens, rng: "np.random.Generator", vocabulary: Vocabulary
    ) -> Array:
        """Return the ids [B, M] that replace the selected tokens in the input."""
        targets = selected.targets
        uniform = rng.random(targets.shape)
        if self.mask_selection.masks_whole_units:
            is_first = np.diff(selected.units, axis=1, prepend=-1) != 0
            slots = np.where(is_first, np.arange(targets.shape[1]), 0)
            uniform = np.take_along_axis(uniform, np.maximum.accumulate(slots, axis=1), axis=1)
        ordinary = np.setdiff1d(np.arange(vocabulary.size), vocabulary.special_ids)
        random_ids = rng.choice(ordinary, targets.shape)
        is_random = uniform < self.mask_token_rate + self.random_token_rate
        replaced = np.where(is_random, random_ids, targets)
        # Without a mask token, mask_token_rate is 0.
        mask_id = targets if vocabulary.mask_id is None else vocabulary.mask_id
        return np.where(uniform < self.mask_token_rate, mask_id, replaced)

    @override
    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        if model.encoder is None or model.decoder is not None:
            yield Problem((), "needs a model with an encoder and no decoder; write 'decoder: null'")
        if self.mask_token_rate + self.random_token_rate > 1:
            total = self.mask_token_rate + self.random_token_rate
            yield Problem(
                ("random_token_rate",),
                f"the sum with mask_token_rate is {total:g}; it must be at most 1",
            )


class MaskedLMHead:
    """The head: logits [B, M, V] of the vectors at the selected positions.

    Transform, tied projection and bias are as in the reference implementation of BERT. If the
    embeddings are narrower than the stack, the transform projects to their width, as in ALBERT.
    """

    def __init__(
        self,
        activation: Activation,
        norm: AnyNorm,
        layers: LayerNamespace,
        name: str,
        backbone: Backbone,
        dim: int,
        use_bias: bool = True,
    ) -> None:
        """Build the head.

        Args:
            activation: Activation function after the transform.
            norm: Normalization after the transform.
            layers: `keras.layers` or a `ParameterCounter`.
            name: Name of the head, a prefix of the names of its layers.
            backbone: Backbone, whose output projection the head uses.
            dim: Width of the vectors that the head reads.
            use_bias: Whether the transform has a bias. Default: True.
        """
        self.positions = f"{name}_positions"
        config = backbone.config
        width, initializer = config.output_projection_dim, config.initializer
        self.activation: Activation = activation
        self.transform = dense(
            layers, f"{name}.transform", dim, width, initializer, use_bias=use_bias
        )
        self.norm = norm.build(layers, f"{name}.norm", width)
        self.project = backbone.output_projection()
        self.bias = bias(layers, f"{name}.bias", config.vocabulary_size)

    def __call__(self, outputs: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Tensor:
        """Return logits [B, M, V] for the outputs of the backbone and the masked positions."""
        from keras import ops

        positions = inputs[self.positions]
        hidden = ops.take_along_axis(outputs["sequence_output"], positions[:, :, None], axis=1)
        hidden = self.norm(activate(self.transform(hidden), self.activation))
        return self.project(hidden) + self.bias(ops.zeros_like(positions[:1, :1]))
