"""Replaced token detection: tell the tokens of a text from those that a smaller network wrote."""

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
from archbuilder.objectives.selection import Tokens, choose
from archbuilder.text.batch import TOKEN_SEQUENCES, Batch, Target
from archbuilder.text.vocabulary import Vocabulary

NUM_LEVELS = 2**24
"""Number of levels of the uniform random numbers; float32 represents each exactly."""


class ReplacedTokenDetection(Objective):
    """For each token, is it the text's own, class 0, or a generator's, class 1?

    Clark et al., 2020, section 2. The generator guesses masked tokens; it has the model's
    embeddings and smaller layers of its own, is trained beside the model, and is left out of what
    is saved.
    """

    type: Literal["replaced_token_detection"]
    mask_selection_rate: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of tokens that the generator guesses."""
    mask_selection_length: PositiveInt = 20
    """The most tokens to guess in one sequence."""
    generator_size: Annotated[float, Field(gt=0, le=1)] = 0.25
    """The generator's hidden_dim, heads and intermediate_dim as a share of the model's; it has as
    many layers. Taken as the nearest fraction of 64ths or coarser, so that 0.333 is a third."""
    discriminator_weight: PositiveFloat = 50.0
    """What the loss of telling is multiplied by; that of guessing is not."""
    activation: Activation = "gelu"
    """The non-linearity of both heads' transforms."""
    norm: AnyNorm = LayerNormConfig(type="layer_norm", epsilon=1e-12)
    """Normalisation after the transform of the generator's head."""

    head_type: ClassVar[str] = "replaced_token_detection"
    metrics: ClassVar[tuple[Metric, ...]] = CLASSIFICATION_METRICS
    corrupts_inputs: ClassVar[bool] = True

    def terms(self, name: str) -> dict[str, LossTerm]:
        """Return the losses of the generator and of the discriminator."""
        names = GraphNames.of(name)

        def generator(outputs: Mapping[str, Tensor], target: Target) -> dict[str, Tensor]:
            return cross_entropy_sums(outputs[names.generator], target)

        def discriminator(outputs: Mapping[str, Tensor], target: Target) -> dict[str, Tensor]:
            replaced = _replaced(outputs[names.token_ids], target)
            return self.sums(outputs[name], target._replace(ids=replaced))

        return {
            names.generator: LossTerm(generator, self.metrics, baseline=frequency_baseline),
            name: LossTerm(
                discriminator, self.metrics, self.discriminator_weight, predicts_ids=False
            ),
        }

    @override
    def own_names(self, name: str) -> set[str]:
        return {*super().own_names(name), *GraphNames.of(name)}

    def sums(self, outputs: Tensor, target: Target) -> dict[str, Tensor]:
        """Return the sums of logits [B, T, 1] of class 1, where that of class 0 is zero."""
        from keras import ops

        logits = ops.reshape(ops.cast(outputs, "float32"), (-1, 1))  # [N, 1]
        logits = ops.concatenate([ops.zeros_like(logits), logits], axis=-1)
        return cross_entropy_sums(logits, target)

    @override
    def build(self, layers: LayerNamespace, name: str, backbone: Backbone) -> Head:
        dim, initializer = backbone.config.hidden_dim, backbone.config.initializer
        transform = dense(layers, f"{name}.transform", dim, dim, initializer)
        project = dense(layers, f"{name}.logits", dim, 1, initializer)
        return lambda streams, inputs: project(  # [B, T, D] -> [B, T, 1]
            activate(transform(streams["sequence_output"]), self.activation)
        )

    @override
    def build_generator(self, layers: LayerNamespace, name: str, backbone: Backbone) -> "Generator":
        return Generator(self, layers, GraphNames.of(name), backbone)

    @override
    def prepare_batch(
        self, name: str, batch: Batch, rng: np.random.Generator, vocabulary: Vocabulary
    ) -> None:
        names, sequence, inputs = GraphNames.of(name), TOKEN_SEQUENCES[""], batch.inputs
        selection, most = Tokens(type="tokens"), self.mask_selection_length
        chosen = choose(batch, selection, self.mask_selection_rate, most, rng, vocabulary)
        token_ids = inputs[sequence.token_ids]
        masks = np.full_like(chosen.targets, vocabulary.mask_id)
        slots = np.broadcast_to(np.arange(1, masks.shape[1] + 1), masks.shape)
        inputs[sequence.token_ids] = chosen.write(masks, token_ids)
        inputs[names.positions] = chosen.positions
        inputs[names.slots] = chosen.write(slots, np.zeros_like(token_ids))
        inputs[names.draws] = rng.integers(NUM_LEVELS, size=masks.shape).astype("int32")
        batch.targets[names.generator] = Target(chosen.targets, chosen.weights)
        # The discriminator compares the text with the tokens that the model reads.
        weights = inputs[sequence.padding_mask].astype("float32")
        batch.targets[name] = Target(token_ids, weights)

    @override
    def check_vocabulary(self, vocabulary: Vocabulary) -> None:
        if vocabulary.mask_id is None:
            raise UserError(
                "replaced_token_detection: the tokenizer has no mask token for its generator"
            )

    @override
    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        if model.encoder is None or model.decoder is not None:
            yield Problem(
                (), "replaced tokens are found by an encoder alone; write 'decoder: null'"
            )
            return
        for name, size in (("hidden_dim", model.hidden_dim), *model.encoder.sizes()):
            if (size * self.share).denominator != 1:
                yield Problem(
                    ("generator_size",),
                    f"{self.share} of {name} {size} is no whole number",
                )
                break

    @property
    def share(self) -> Fraction:
        """The generator's size."""
        return Fraction(self.generator_size).limit_denominator(64)


class GraphNames(NamedTuple):
    """The names of what the generator adds to the graph that is trained."""

    generator: str
    """Output, and prefix of the layers: the generator's logits [B, M, V]."""
    token_ids: str
    """Output, int32 [B, T]: the tokens that the model reads."""
    positions: str
    """Input, int32 [B, M]: the positions of the masked tokens."""
    slots: str
    """Input, int32 [B, T]: 1 + the index among `positions`, 0 at tokens that are not masked."""
    draws: str
    """Input, int32 [B, M]: random integers below `NUM_LEVELS`."""

    @classmethod
    def of(cls, name: str) -> "GraphNames":
        """Return the names for the objective called `name`."""
        generator = f"{name}_generator"
        return cls(generator, *(f"{generator}_{field}" for field in cls._fields[1:]))


class Generator:
    """The network that writes some of the tokens that the model reads."""

    def __init__(
        self,
        spec: ReplacedTokenDetection,
        layers: LayerNamespace,
        names: GraphNames,
        backbone: Backbone,
    ):
        model, initializer, name = backbone.config, backbone.config.initializer, names.generator
        dim = int(model.hidden_dim * spec.share)
        self.names, self.backbone = names, backbone
        self.inputs = [names.positions, names.slots, names.draws]
        self.project = identity
        if dim != model.hidden_dim:
            self.project = dense(layers, f"{name}.projection", model.hidden_dim, dim, initializer)
        context = replace(model.layer_context("encoder"), width=dim, layerwise_rates=False)
        assert model.encoder is not None  # See `problems`.
        stack = model.encoder.scaled(spec.share)
        self.encoder = stack.build(layers, f"{name}.encoder", context)
        self.head = MaskedLMHead(spec.activation, spec.norm, layers, name, backbone, dim)

    def __call__(
        self, inputs: dict[str, Tensor], own: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the inputs of the backbone with the masks filled, and the outputs to be scored."""
        from keras import ops

        sequence = self.backbone.encode(**inputs, encoder=self._encoder)
        logits = self.head({"sequence_output": sequence}, own)
        slots, name = own[self.names.slots], TOKEN_SEQUENCES[""].token_ids
        predictions = sampled(logits, own[self.names.draws])
        written = ops.take_along_axis(predictions, ops.maximum(slots - 1, 0), axis=1)
        token_ids = ops.where(slots > 0, written, inputs[name])
        outputs = {self.names.generator: logits, self.names.token_ids: token_ids}
        return inputs | {name: token_ids}, outputs

    def _encoder(self, hidden: Tensor, *masks: Any) -> Tensor:
        return self.encoder(self.project(hidden), *masks)


def _replaced(token_ids: Tensor, target: Target) -> Tensor:
    """Return 1 where the model reads another token than the text has, else 0: int32 [B, T]."""
    from keras import ops

    return ops.cast(ops.not_equal(token_ids, target.ids), "int32")


def sampled(logits: Tensor, draws: Tensor) -> Tensor:
    """Return a class for each row of logits [B, M, V], sampled from its softmax: int32 [B, M].

    `draws` [B, M] are random integers below `NUM_LEVELS`. The batch carries them, since a graph
    cannot draw numbers that depend on the number of a batch; as integers, since mixed precision
    would round them.
    """
    from keras import ops

    shares = ops.softmax(ops.cast(ops.stop_gradient(logits), "float32"))
    heights = (ops.cast(draws, "float32") + 0.5) * (1 / NUM_LEVELS)
    below = ops.cumsum(shares, axis=-1) < heights[..., None]
    found = ops.sum(ops.cast(below, "int32"), axis=-1)
    return ops.minimum(found, logits.shape[-1] - 1)  # The sum of shares may be a little below 1.
