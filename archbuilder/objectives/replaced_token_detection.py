"""Replaced token detection: tell the tokens of a text from those that a smaller network wrote."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from archbuilder.errors import UserError
from archbuilder.language import Problem
from archbuilder.network.activation import Activation, activate
from archbuilder.network.backbone import Backbone, BackboneConfig
from archbuilder.network.layer import dense, identity
from archbuilder.network.norm import AnyNorm, LayerNormConfig
from archbuilder.objectives.masked_lm import MaskedLMHead
from archbuilder.objectives.objective import Objective
from archbuilder.objectives.selection import Tokens, choose

STEPS = 2**24
"""Into so many steps the random numbers between 0 and 1 are cut: float32 tells them apart."""


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

    hides: ClassVar[bool] = True

    def outputs(self, name: str) -> dict[str, float]:
        return {f"{name}_generator": 1.0, name: self.discriminator_weight}

    def build(self, layers, name: str, network: Backbone):
        dim, initializer = network.spec.hidden_dim, network.spec.initializer
        transform = dense(layers, f"{name}.transform", dim, dim, initializer)
        tell = dense(layers, f"{name}.tell", dim, 1, initializer)
        return lambda streams, inputs: tell(  # [B, T, D] -> [B, T, 1]
            activate(transform(streams["sequence"]), self.activation)
        )

    def build_generator(self, layers, name: str, network: Backbone):
        return Generator(self, layers, f"{name}_generator", network)

    def corrupt(self, name: str, batch: dict, random, vocabulary) -> None:
        selection, most = Tokens(type="tokens"), self.mask_selection_length
        chosen = choose(batch, selection, self.mask_selection_rate, most, random, vocabulary)
        token_ids = batch["token_ids"]
        masks = np.full_like(chosen.targets, vocabulary.mask_id)
        slots = np.broadcast_to(np.arange(1, masks.shape[1] + 1), masks.shape)
        batch["token_ids"] = chosen.write(masks, token_ids)
        batch[f"{name}_weights"] = batch["padding_mask"].astype("float32")
        own = {
            "positions": chosen.positions,
            "targets": chosen.targets,
            "weights": chosen.weights,
            "slots": chosen.write(slots, np.zeros_like(token_ids)),
            "draws": random.integers(STEPS, size=masks.shape).astype("int32"),
        }
        batch |= {f"{name}_generator_{key}": array for key, array in own.items()}

    def check_vocabulary(self, vocabulary) -> None:
        if vocabulary.mask_id is None:
            raise UserError(
                "replaced_token_detection: the tokenizer has no mask token for its generator"
            )

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


class Generator:
    """The network that writes some of the tokens that the model reads, as a part."""

    def __init__(self, spec: ReplacedTokenDetection, layers, name: str, network: Backbone):
        model, initializer = network.spec, network.spec.initializer
        dim = int(model.hidden_dim * spec.share)
        self.name, self.network = name, network
        self.inputs = [f"{name}_{key}" for key in ("positions", "targets", "slots", "draws")]
        self.project = identity
        if dim != model.hidden_dim:
            self.project = dense(layers, f"{name}.projection", model.hidden_dim, dim, initializer)
        context = replace(model.layer_context("encoder"), width=dim, layerwise_rates=False)
        stack = model.encoder.scaled(spec.share)
        self.encoder = stack.build(layers, f"{name}.encoder", context)
        self.head = MaskedLMHead(spec.activation, spec.norm, layers, name, network, dim)

    def __call__(self, inputs: dict, own: dict):
        """The network's inputs with the masks filled in, and what is scored.

        These are the logits [B, M, V] of the generator's guesses, and for each token [B, T] whether
        it is another than the text's.
        """
        from keras import ops

        sequence = self.network.encode(**inputs, encoder=self._encoder)
        logits = self.head({"sequence": sequence}, own)
        slots = own[f"{self.name}_slots"]
        place = ops.maximum(slots - 1, 0)
        guesses = sampled(logits, own[f"{self.name}_draws"])
        written = ops.take_along_axis(guesses, place, axis=1)
        meant = ops.take_along_axis(own[f"{self.name}_targets"], place, axis=1)
        token_ids = ops.where(slots > 0, written, inputs["token_ids"])
        replaced = ops.logical_and(slots > 0, ops.not_equal(written, meant))
        told = {
            self.name: logits,
            f"{self.name.removesuffix('_generator')}_targets": ops.cast(replaced, "int32"),
        }
        return inputs | {"token_ids": token_ids}, told

    def _encoder(self, hidden, *masks):
        return self.encoder(self.project(hidden), *masks)


def sampled(logits, draws):
    """A class for each row of logits [B, M, V], as likely as they say; int32 [B, M].

    `draws` [B, M] are random numbers of `STEPS`; the batch carries them, since a graph cannot draw
    numbers that a batch's number decides, and as integers, since mixed precision would round them.
    """
    from keras import ops

    shares = ops.softmax(ops.cast(ops.stop_gradient(logits), "float32"))
    heights = (ops.cast(draws, "float32") + 0.5) * (1 / STEPS)
    below = ops.cumsum(shares, axis=-1) < heights[..., None]
    found = ops.sum(ops.cast(below, "int32"), axis=-1)
    return ops.minimum(found, logits.shape[-1] - 1)  # The sum of shares may be a little below 1.
