"""Masked language model: guess tokens that were hidden, from both sides."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveInt

from archbuilder.language import Mistake
from archbuilder.mistake import UserMistake
from archbuilder.network.activation import Activation, activate
from archbuilder.network.architecture import Architecture, Network
from archbuilder.network.layer import bias, dense
from archbuilder.network.norm import LayerNorm, Norm
from archbuilder.objectives.objective import Objective, Share


class MaskedLM(Objective):
    """Guess tokens that were hidden (Devlin et al., 2018, section 3.1, task 1; appendix A.1)."""

    type: Literal["masked_lm"]
    mask_selection_rate: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of tokens to guess."""
    mask_token_rate: Share = 0.8
    """Share of those that are replaced by the mask token."""
    random_token_rate: Share = 0.1
    """Share of those that are replaced by a random token; the rest stay as they are."""
    mask_selection_length: PositiveInt = 20
    """The most tokens to guess in one sequence."""
    whole_words: bool = False
    """Hide all tokens of a word together (Cui et al., 2019)."""
    activation: Activation = "gelu"
    """The non-linearity of the head's transform."""
    norm: Norm = LayerNorm(type="layer_norm", epsilon=1e-12)
    """Normalisation after the head's transform."""
    transform_bias: bool = True
    """Whether the head's transform has a bias."""

    hides: ClassVar[bool] = True

    def inputs(self, name: str) -> list[str]:
        return [f"{name}_positions"]

    def build(self, layers, name: str, network: Network):
        return MaskedLMHead(self, layers, name, network)

    def corrupt(self, name: str, batch: dict, random, vocabulary) -> None:
        """Choose afresh which tokens to guess: never special ones, never padding."""
        token_ids = batch["token_ids"]
        candidates = ~np.isin(token_ids, vocabulary.special_ids) & (batch["padding_mask"] > 0)
        begins = np.ones_like(candidates)
        if self.whole_words:
            begins = vocabulary.word_starts(token_ids) | ~candidates
        sequences = batch["packing_ids"].max(axis=1) if "packing_ids" in batch else 1
        most = self.mask_selection_length * sequences
        positions, weights = self._choose(candidates, begins, most, random)
        targets = np.take_along_axis(token_ids, positions, axis=1)
        hidden = self._hide(targets, random, vocabulary)
        rows, slots = np.nonzero(weights)  # Unused slots point at the start token, which must stay.
        batch["token_ids"] = token_ids.copy()
        batch["token_ids"][rows, positions[rows, slots]] = hidden[rows, slots]
        batch[f"{name}_positions"] = positions
        batch[f"{name}_targets"] = targets
        batch[f"{name}_weights"] = weights

    def check_vocabulary(self, vocabulary) -> None:
        if vocabulary.mask_id is None and self.mask_token_rate:
            raise UserMistake("masked_lm: the tokenizer has no mask token to hide others behind")

    def _choose(self, candidates, begins, most, random):
        """Positions [B, M], in order, and weights [B, M]: 1.0 for those that are to be guessed.

        Words, as `begins` [B, T] parts them, are taken in an order that is drawn; one that stands
        across the number wanted is taken as often as a part of it lies below.
        """
        length = candidates.shape[1]
        wanted = np.maximum(np.rint(candidates.sum(axis=1) * self.mask_selection_rate), 1)
        words = np.cumsum(begins, axis=1) - 1
        ranks = np.take_along_axis(random.random(candidates.shape), np.maximum(words, 0), axis=1)
        order = np.argsort(np.where(candidates, ranks, 2.0), axis=1, kind="stable")
        word = np.take_along_axis(words, order, axis=1)
        place = np.arange(length)
        first = np.diff(word, axis=1, prepend=-1) != 0
        before = np.maximum.accumulate(np.where(first, place, 0), axis=1)
        last = np.diff(word, axis=1, append=-1) != 0
        behind = np.where(last, place + 1, length)[:, ::-1]
        behind = np.minimum.accumulate(behind, axis=1)[:, ::-1]
        limit = np.broadcast_to(most, wanted.shape)[:, None]
        share = random.random((len(order), 1))
        used = (before + share * (behind - before) < wanted[:, None]) & (behind <= limit)
        used &= np.take_along_axis(candidates, order, axis=1)
        slots = max(1, int(used.sum(axis=1).max(initial=0)))
        chosen = np.sort(np.where(used, order, length), axis=1)[:, :slots]
        weights = chosen < length
        return np.where(weights, chosen, 0).astype("int32"), weights.astype("float32")

    def _hide(self, targets, random, vocabulary):
        draw = random.random(targets.shape)
        ordinary = np.setdiff1d(np.arange(vocabulary.size), vocabulary.special_ids)
        noise = random.choice(ordinary, targets.shape)
        replaced = np.where(draw < self.mask_token_rate + self.random_token_rate, noise, targets)
        return np.where(draw < self.mask_token_rate, vocabulary.mask_id, replaced)

    def mistakes(self, model: Architecture) -> Iterator[Mistake]:
        if model.encoder is None or model.decoder is not None:
            yield Mistake(
                (), "masked tokens are guessed by an encoder alone; write 'decoder: null'"
            )
        if self.mask_token_rate + self.random_token_rate > 1:
            total = self.mask_token_rate + self.random_token_rate
            yield Mistake(
                ("random_token_rate",), f"with mask_token_rate this makes {total:g}, more than 1"
            )


class MaskedLMHead:
    """The masked positions' vectors, transformed, on the vocabulary: [B, M, V].

    Only masked positions are projected. Transform, tied projection and bias as in BERT's reference
    implementation; where tables are narrower, the transform narrows (as in ALBERT's).
    """

    def __init__(self, spec: MaskedLM, layers, name: str, network: Network):
        dim, width = network.spec.hidden_dim, network.spec.written_dim
        self.name = name
        self.activation: Activation = spec.activation
        self.transform = dense(
            layers,
            f"{name}.transform",
            dim,
            width,
            network.spec.initializer,
            use_bias=spec.transform_bias,
        )
        self.norm = spec.norm.build(layers, f"{name}.norm", width)
        self.project = network.project()
        self.bias = bias(layers, f"{name}.bias", network.spec.vocabulary_size)

    def __call__(self, streams: dict, inputs: dict):
        from keras import ops

        positions = inputs[f"{self.name}_positions"]
        hidden = ops.take_along_axis(streams["sequence"], positions[:, :, None], axis=1)
        hidden = self.norm(activate(self.transform(hidden), self.activation))
        return self.project(hidden) + self.bias(ops.zeros_like(positions[:1, :1]))
