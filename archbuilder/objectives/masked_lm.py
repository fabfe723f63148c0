"""Masked language model: guess tokens that were hidden, from both sides."""

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
from archbuilder.objectives.selection import Chosen, Selection, Tokens, choose
from archbuilder.text.batch import TOKEN_SEQUENCES, Array, Batch, Target
from archbuilder.text.vocabulary import Vocabulary


class MaskedLM(ClassificationObjective):
    """Guess tokens that were hidden (Devlin et al., 2018, section 3.1, task 1; appendix A.1)."""

    type: Literal["masked_lm"]
    mask_selection: Selection = Tokens(type="tokens")
    """What is chosen: single tokens, whole words, or spans of several words."""
    mask_selection_rate: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of tokens to guess."""
    mask_token_rate: Rate = 0.8
    """Share of those that are replaced by the mask token."""
    random_token_rate: Rate = 0.1
    """Share of those that are replaced by a random token; the rest stay as they are."""
    mask_selection_length: PositiveInt = 20
    """The most tokens to guess in one sequence."""
    activation: Activation = "gelu"
    """The non-linearity of the head's transform."""
    norm: AnyNorm = LayerNormConfig(type="layer_norm", epsilon=1e-12)
    """Normalisation after the head's transform."""
    transform_bias: bool = True
    """Whether the head's transform has a bias."""

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
        self, name: str, batch: Batch, rng: np.random.Generator, vocabulary: Vocabulary
    ) -> None:
        (positions,), token_ids = self.inputs(name), TOKEN_SEQUENCES[""].token_ids
        most = self.mask_selection_length
        chosen = choose(batch, self.mask_selection, self.mask_selection_rate, most, rng, vocabulary)
        replacements = self._replacements(chosen, rng, vocabulary)
        batch.inputs[token_ids] = chosen.write(replacements, batch.inputs[token_ids])
        batch.inputs[positions] = chosen.positions
        batch.targets[name] = Target(chosen.targets, chosen.weights)

    @override
    def check_vocabulary(self, vocabulary: Vocabulary) -> None:
        if vocabulary.mask_id is None and self.mask_token_rate:
            raise UserError("masked_lm: the tokenizer has no mask token to hide others behind")

    def _replacements(
        self, chosen: Chosen, rng: np.random.Generator, vocabulary: Vocabulary
    ) -> Array:
        """Return the ids [B, M] that the network reads in place of the chosen tokens."""
        targets = chosen.targets
        draw = rng.random(targets.shape)
        if self.mask_selection.together:
            first = np.diff(chosen.units, axis=1, prepend=-1) != 0
            slots = np.where(first, np.arange(targets.shape[1]), 0)
            draw = np.take_along_axis(draw, np.maximum.accumulate(slots, axis=1), axis=1)
        ordinary = np.setdiff1d(np.arange(vocabulary.size), vocabulary.special_ids)
        noise = rng.choice(ordinary, targets.shape)
        replaced = np.where(draw < self.mask_token_rate + self.random_token_rate, noise, targets)
        mask_id = targets if vocabulary.mask_id is None else vocabulary.mask_id  # Rate 0 only.
        return np.where(draw < self.mask_token_rate, mask_id, replaced)

    @override
    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        if model.encoder is None or model.decoder is not None:
            yield Problem(
                (), "masked tokens are guessed by an encoder alone; write 'decoder: null'"
            )
        if self.mask_token_rate + self.random_token_rate > 1:
            total = self.mask_token_rate + self.random_token_rate
            yield Problem(
                ("random_token_rate",), f"with mask_token_rate this makes {total:g}, more than 1"
            )


class MaskedLMHead:
    """The masked positions' vectors, transformed, on the vocabulary: [B, M, V].

    Only masked positions are projected. Transform, tied projection and bias as in BERT's reference
    implementation; where tables are narrower, the transform narrows (as in ALBERT's).
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
    ):
        """`dim` is the width of the vectors it reads, and `use_bias` the transform's."""
        self.positions = f"{name}_positions"
        spec = backbone.config
        width, initializer = spec.output_projection_dim, spec.initializer
        self.activation: Activation = activation
        self.transform = dense(
            layers, f"{name}.transform", dim, width, initializer, use_bias=use_bias
        )
        self.norm = norm.build(layers, f"{name}.norm", width)
        self.project = backbone.output_projection()
        self.bias = bias(layers, f"{name}.bias", spec.vocabulary_size)

    @override
    def __call__(self, streams: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Tensor:
        from keras import ops

        positions = inputs[self.positions]
        hidden = ops.take_along_axis(streams["sequence_output"], positions[:, :, None], axis=1)
        hidden = self.norm(activate(self.transform(hidden), self.activation))
        return self.project(hidden) + self.bias(ops.zeros_like(positions[:1, :1]))
