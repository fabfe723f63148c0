"""What a training objective is: what it hides, its head and its loss, under one name."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from archbuilder.language import Problem, Spec
from archbuilder.network.backbone import Backbone, BackboneConfig
from archbuilder.objectives.loss_weight import Weight
from archbuilder.text.examples import Examples, Limits, Segments

Share = Annotated[float, Field(ge=0, le=1)]


class Objective(Spec):
    """The interface of objectives. Each gets the name it has in the spec, so that many add up.

    A batch is a dictionary of arrays. An objective called `name` may add inputs of the model,
    and adds `name_targets` and `name_weights`: ids to guess, and 1.0 where a guess counts. So does
    one with several outputs that are scored for each of these.
    """

    weight: Weight = 1.0
    """What this objective's loss is multiplied by before the losses are added: a number, or one by
    step."""

    examples: ClassVar[type[Examples]] = Segments
    """What text is made into; an objective with others than segments decides it for all."""
    pools: ClassVar[bool] = False
    """Whether it reads the pooled vector."""
    hides: ClassVar[bool] = False
    """Whether it changes the tokens that the network reads."""
    shows_predictions: ClassVar[bool] = False
    """Whether training can show predictions for some validation examples (`training.samples`)."""

    def inputs(self, name: str) -> list[str]:
        """The inputs, int32 [B, M], that the head reads beside the network's."""
        return []

    @classmethod
    def decides(cls) -> bool:
        """Whether it decides what text is made into."""
        return cls.examples is not Segments

    def make_examples(self, tokens, vocabularies, limits: Limits) -> Examples:
        """The examples of a text, where this objective decides what they are."""
        return self.examples(tokens, vocabularies, limits)

    @abstractmethod
    def build(self, layers, name: str, network: Backbone):
        """The head: called with the network's streams and the inputs, it gives logits [.., V]."""

    def build_generator(self, layers, name: str, network: Backbone):
        """A network that is trained beside the model and writes some of the tokens that it reads.

        Its `inputs` are named like those of `inputs`; called with the network's inputs and these,
        it gives the network's inputs as they are then, and outputs: logits, and `.._targets` that
        are not known before. None where there is no such network.
        """
        return

    def outputs(self, name: str) -> dict[str, float]:
        """The outputs that are scored, each with what its loss is multiplied by beside `weight`."""
        return {name: 1.0}

    def corrupt(self, name: str, batch: dict, random, vocabulary) -> None:
        """Hide what is to be guessed, in place.

        `random` is a numpy generator, `vocabulary` that of the target, or the only one.
        """

    def check_vocabulary(self, vocabulary) -> None:
        """Raises `UserError` where the tokenizer lacks something that this objective needs."""

    def sentinels(self, sequence_length: int) -> int:
        """How many tokens that stand for spans it needs, with examples of so many tokens."""
        return 0

    def weight_at(self, step: int | None, steps: int | None) -> float:
        """What its loss is multiplied by at a step of a run of so many (see `LinearWeight.at`)."""
        return self.weight if isinstance(self.weight, float) else self.weight.at(step, steps)

    def smoothing(self) -> float:
        """The share of probability that the loss spreads over all classes."""
        return 0.0

    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        """What this objective needs of the model and does not find, by paths within it."""
        yield from ()


def scored(objectives: dict[str, Objective]) -> dict[str, Objective]:
    """By the names of all outputs that are scored, whose they are."""
    return {out: one for name, one in objectives.items() for out in one.outputs(name)}


def weights_at(
    objectives: dict[str, Objective], step: int | None, steps: int | None
) -> dict[str, float]:
    """What each scored output's loss is multiplied by at a step of a run of so many."""
    return {
        output: objective.weight_at(step, steps) * factor
        for name, objective in objectives.items()
        for output, factor in objective.outputs(name).items()
    }


def deciding(objectives: dict[str, Objective]) -> Objective:
    """The objective that decides what text is made into; any, where none does."""
    return max(objectives.values(), key=lambda one: one.decides())
