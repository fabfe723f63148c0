"""Replaced token detection: classify each token as original or replaced by a generator."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.language import Problem
from archbuilder.network.activation import Activation, activate
from archbuilder.network.backbone import Backbone, BackboneConfig
from archbuilder.network.layer import dense, identity
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.norm import AnyNorm, LayerNormConfig
from archbuilder.objectives.cross_entropy import (
    CLASSIFICATION_METRICS,
    cross_entropy_sums,
    frequency_baseline,
)
from archbuilder.objectives.loss_term import LossTerm, Tensor
from archbuilder.objectives.masked_lm import MaskedLMHead
from archbuilder.objectives.metric import Metric
from archbuilder.objectives.objective import Head, Objective
from archbuilder.objectives.selection import TokenSelection, select_tokens
from archbuilder.text.batch import TOKEN_SEQUENCES, Batch, Target
from archbuilder.text.vocabulary import Vocabulary

NUM_LEVELS = 2**24
"""Number of levels of the uniform random numbers; float32 represents each exactly."""


class ReplacedTokenDetection(Objective):
    """Replaced token detection: classification of tokens as original (class 0) or replaced (1).

    Clark et al., 2020, section 2 (ELECTRA). A generator predicts masked tokens, and its predictions
    replace them in the input of the model (the discriminator). The generator shares the embeddings
    of the model and has its own, smaller layers. It is trained together with the model, and it is
    not part of the saved model.
    """

    type: Literal["replaced_token_detection"]
    mask_selection_rate: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Fraction of the tokens that are masked, and that the generator predicts."""
    mask_selection_length: PositiveInt = 20
    """Maximum number of masked tokens per sequence."""
    generator_size: Annotated[float, Field(gt=0, le=1)] = 0.25
    """Ratio of hidden_dim, num_heads and intermediate_dim of the generator to those of the model.
    Both have the same number of layers. The ratio is rounded to a fraction with a denominator of at
    most 64, so 0.333 is 1/3."""
    discriminator_weight: PositiveFloat = 50.0
    """Weight of the loss of the discriminator (lambda in the paper); the loss of the
    generator has weight 1."""
    activation: Activation = "gelu"
    """Activation function of the heads of the generator and of the discriminator."""
    norm: AnyNorm = LayerNormConfig(type="layer_norm", epsilon=1e-12)
    """Normalization in the head of the generator."""

    head_type: ClassVar[str] = "replaced_token_detection"
    metrics: ClassVar[tuple[Metric, ...]] = CLASSIFICATION_METRICS
    corrupts_inputs: ClassVar[bool] = True

    def terms(self, name: str) -> dict[str, LossTerm]:
        """Return the loss terms of the generator and of the discriminator."""
        names = GraphNames.of(name)

        def generator_sums(outputs: Mapping[str, Tensor], target: Target) -> dict[str, Tensor]:
            return cross_entropy_sums(outputs[names.generator], target)

        def discriminator_sums(outputs: Mapping[str, Tensor], target: Target) -> dict[str, Tensor]:
            is_replaced = _is_replaced(outputs[names.token_ids], target)
            return self.sums(outputs[name], target._replace(ids=is_replaced))

        return {
            names.generator: LossTerm(generator_sums, self.metrics, baseline=frequency_baseline),
            name: LossTerm(
                discriminator_sums, self.metrics, self.discriminator_weight, predicts_ids=False
            ),
        }

    @override
    def own_names(self, name: str) -> set[str]:
        return {*super().own_names(name), *GraphNames.of(name)}

    def sums(self, outputs: Tensor, target: Target) -> dict[str, Tensor]:
        """Return the sums for logits [B, T, 1] of class 1; the logit of class 0 is 0."""
        from keras import ops

        logits = ops.reshape(ops.cast(outputs, "float32"), (-1, 1))  # [N, 1]
        logits = ops.concatenate([ops.zeros_like(logits), logits], axis=-1)
        return cross_entropy_sums(logits, target)

    @override
    def build(self, layers: LayerNamespace, name: str, backbone: Backbone) -> Head:
        dim, initializer = backbone.config.hidden_dim, backbone.config.initializer
        transform = dense(layers, f"{name}.transform", dim, dim, initializer)
        project = dense(layers, f"{name}.logits", dim, 1, initializer)
        return lambda outputs, inputs: project(  # [B, T, D] -> [B, T, 1]
            activate(transform(outputs["sequence_output"]), self.activation)
        )

    @override
    def build_generator(self, layers: LayerNamespace, name: str, backbone: Backbone) -> "Generator":
        return Generator(self, layers, GraphNames.of(name), backbone)

    @override
    def prepare_batch(
        self, name: str, batch: Batch, rng: "np.random.Generator", vocabulary: Vocabulary
    ) -> None:
        names, sequence, inputs = GraphNames.of(name), TOKEN_SEQUENCES[""], batch.inputs
        selection, max_tokens = TokenSelection(type="tokens"), self.mask_selection_length
        masked = select_tokens(
            batch, selection, self.mask_selection_rate, max_tokens, rng, vocabulary
        )
        token_ids = inputs[sequence.token_ids]
        mask_ids = np.full_like(masked.targets, vocabulary.mask_id)
        slots = np.broadcast_to(np.arange(1, mask_ids.shape[1] + 1), mask_ids.shape)
        inputs[sequence.token_ids] = masked.replace(token_ids, mask_ids)
        inputs[names.positions] = masked.positions
        inputs[names.slots] = masked.replace(np.zeros_like(token_ids), slots)
        inputs[names.draws] = rng.integers(NUM_LEVELS, size=mask_ids.shape).astype("int32")
        batch.targets[names.generator] = Target(masked.targets, masked.weights)
        # The discriminator compares these original tokens with the tokens that the model reads.
        weights = inputs[sequence.padding_mask].astype("float32")
        batch.targets[name] = Target(token_ids, weights)

    @override
    def check_vocabulary(self, vocabulary: Vocabulary) -> None:
        if vocabulary.mask_id is None:
            raise UserError(
                "replaced_token_detection: the generator needs a tokenizer with a mask token"
            )

    @override
    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        if model.encoder is None or model.decoder is not None:
            yield Problem((), "needs a model with an encoder and no decoder; write 'decoder: null'")
            return
        for name, size in (("hidden_dim", model.hidden_dim), *model.encoder.sizes()):
            if (size * self.size_fraction).denominator != 1:
                yield Problem(
                    ("generator_size",),
                    f"{self.size_fraction} of {name} ({size}) must be a whole number",
                )
                break

    @property
    def size_fraction(self) -> Fraction:
        """The size of the generator as a fraction of that of the model."""
        return Fraction(self.generator_size).limit_denominator(64)


class GraphNames(NamedTuple):
    """The names of the inputs and outputs that the generator adds to the training graph."""

    generator: str
    """Output, and prefix of the layers: the generator's logits [B, M, V]."""
    token_ids: str
    """Output, int32 [B, T]: the tokens that the model reads."""
    positions: str
    """Input, int32 [B, M]: the positions of the masked tokens."""
    slots: str
    """Input, int32 [B, T]: for a masked token, 1 + its index in `positions`; otherwise 0."""
    draws: str
    """Input, int32 [B, M]: random integers below `NUM_LEVELS`."""

    @classmethod
    def of(cls, name: str) -> "GraphNames":
        """Return the names for the objective `name`."""
        generator = f"{name}_generator"
        return cls(generator, *(f"{generator}_{field}" for field in cls._fields[1:]))


class Generator:
    """The generator, which replaces masked tokens in the input of the model with predictions."""

    def __init__(
        self,
        spec: ReplacedTokenDetection,
        layers: LayerNamespace,
        names: GraphNames,
        backbone: Backbone,
    ) -> None:
        model, initializer, name = backbone.config, backbone.config.initializer, names.generator
        dim = int(model.hidden_dim * spec.size_fraction)
        self.names, self.backbone = names, backbone
        self.inputs = [names.positions, names.slots, names.draws]
        self.project = identity
        if dim != model.hidden_dim:
            self.project = dense(layers, f"{name}.projection", model.hidden_dim, dim, initializer)
        context = replace(model.layer_context("encoder"), width=dim, layerwise_rates=False)
        assert model.encoder is not None  # `problems` rejects other models.
        stack = model.encoder.scaled(spec.size_fraction)
        self.encoder = stack.build(layers, f"{name}.encoder", context)
        self.head = MaskedLMHead(spec.activation, spec.norm, layers, name, backbone, dim)

    def __call__(
        self, inputs: dict[str, Tensor], own: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the inputs of the backbone with replaced tokens, and the generator's outputs.

        Args:
            inputs: Inputs of the backbone.
            own: Inputs of the generator, with the names `self.inputs`.
        """
        from keras import ops

        sequence = self.backbone.encode(**inputs, encoder=self._encoder)
        logits = self.head({"sequence_output": sequence}, own)
        slots, name = own[self.names.slots], TOKEN_SEQUENCES[""].token_ids
        samples = sample_classes(logits, own[self.names.draws])
        replacements = ops.take_along_axis(samples, ops.maximum(slots - 1, 0), axis=1)
        token_ids = ops.where(slots > 0, replacements, inputs[name])
        outputs = {self.names.generator: logits, self.names.token_ids: token_ids}
        return inputs | {name: token_ids}, outputs

    def _encoder(self, hidden: Tensor, *masks: Any) -> Tensor:
        return self.encoder(self.project(hidden), *masks)


def _is_replaced(token_ids: Tensor, target: Target) -> Tensor:
    """Return 1 where the token that the model reads is not the original, else 0: int32 [B, T]."""
    from keras import ops

    return ops.cast(ops.not_equal(token_ids, target.ids), "int32")


def sample_classes(logits: Tensor, draws: Tensor) -> Tensor:
    """Sample classes from the softmax of the logits, and return them as int32 [B, M].

    The random numbers are an input of the graph, so that they depend only on the seed and the index
    of the batch. They are integers because mixed precision would round floating-point inputs.

    Args:
        logits: Logits, [B, M, V].
        draws: Random integers below `NUM_LEVELS`, [B, M].
    """
    from keras import ops

    probabilities = ops.softmax(ops.cast(ops.stop_gradient(logits), "float32"))
    uniform = (ops.cast(draws, "float32") + 0.5) * (1 / NUM_LEVELS)
    is_lower = ops.cumsum(probabilities, axis=-1) < uniform[..., None]
    classes = ops.sum(ops.cast(is_lower, "int32"), axis=-1)
    return ops.minimum(classes, logits.shape[-1] - 1)  # Rounding can leave the last sum below 1.
