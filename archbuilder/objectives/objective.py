"""The interface of training objectives: their batches, head, loss and metrics, under one name."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, TypeAlias

import numpy as np
from pydantic import Field

from archbuilder.language import Problem, Spec
from archbuilder.network.backbone import Backbone, BackboneConfig
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.objectives.loss_term import LossTerm, Tensor
from archbuilder.objectives.loss_weight import LinearWeight, Weight
from archbuilder.objectives.metric import Metric
from archbuilder.text.batch import Batch, Target
from archbuilder.text.examples import Examples, Limits, Segments
from archbuilder.text.token_store import Tokens
from archbuilder.text.vocabularies import Vocabularies
from archbuilder.text.vocabulary import Vocabulary

Rate = Annotated[float, Field(ge=0, le=1)]

ExamplesClass: TypeAlias = type[Examples]
"""An alias, since `type` is a field's name in the classes of objectives."""

Head: TypeAlias = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Tensor]
"""Called with the outputs of the backbone and with the objective's own inputs."""


class Objective(Spec):
    """The interface of objectives. Each gets its name in the spec, so that several add up.

    An objective prepares the batch, builds a head on the backbone, and computes additive sums from
    the output of the head and the target, from which the loss and all metrics follow.
    """

    weight: Weight = 1.0
    """What this objective's loss is multiplied by before the losses are added: a number, or one by
    step."""

    head_type: ClassVar[str]
    """The kind of its head, which tasks, samples and exporters choose by; objectives that differ
    only in their examples share one."""
    metrics: ClassVar[tuple[Metric, ...]]
    """What is computed from `sums`; `LOSS` comes first."""
    examples: ClassVar[ExamplesClass] = Segments
    """What text is made into; an objective with others than segments decides it for all."""
    needs_pooled_output: ClassVar[bool] = False
    """Whether its head reads the pooled vector."""
    corrupts_inputs: ClassVar[bool] = False
    """Whether it changes the tokens that the network reads."""
    shows_predictions: ClassVar[bool] = False
    """Whether training can show predictions for validation examples, as
    `training.show_predictions` asks."""

    def inputs(self, name: str) -> list[str]:
        """Return the names of the inputs, int32 [B, M], that the head reads beside the backbone."""
        return []

    @classmethod
    def owns_examples(cls) -> bool:
        """Return whether it decides what text is made into."""
        return cls.examples is not Segments

    def make_examples(self, tokens: Tokens, vocabularies: Vocabularies, limits: Limits) -> Examples:
        """Return the examples of a text, where this objective decides what they are."""
        return self.examples(tokens, vocabularies, limits)

    @abstractmethod
    def build(self, layers: LayerNamespace, name: str, backbone: Backbone) -> Head:
        """Return the head, all of whose layers are called `name` or `name.LAYER`."""

    def build_generator(self, layers: LayerNamespace, name: str, backbone: Backbone) -> Any:
        """Return a network that writes some of the tokens that the model reads; None without one.

        It is trained beside the model. Its `inputs` are named like those of the method; called with
        the inputs of the backbone and with these, it returns the inputs that the backbone is to
        read and a dictionary of outputs of its own.
        """
        return None

    @abstractmethod
    def prepare_batch(
        self, name: str, batch: Batch, rng: np.random.Generator, vocabulary: Vocabulary
    ) -> None:
        """Add the target of each of its loss terms, and its own inputs, to a batch, in place.

        Args:
            name: The name of this objective.
            batch: The batch, whose `columns` are removed as they are used.
            rng: The only source of random numbers.
            vocabulary: That of the target, or the only one.
        """

    @abstractmethod
    def sums(self, outputs: Tensor, target: Target) -> dict[str, Tensor]:
        """Return additive float32 scalars, "loss" and "count" among them.

        The engine divides the loss by the count of the whole effective batch, over micro-batches
        and devices.

        Args:
            outputs: What the head returned.
            target: The target that `prepare_batch` added.
        """

    def baseline(
        self, train: Sequence[Target], validation: Sequence[Target], num_classes: int
    ) -> dict[str, float]:
        """Return the metrics of predicting by frequency (see `Baseline`). Default: none."""
        return {}

    def terms(self, name: str) -> dict[str, LossTerm]:
        """Return the loss terms by name: one for each output that is scored. Default: the head."""

        def sums(outputs: Mapping[str, Tensor], target: Target) -> dict[str, Tensor]:
            return self.sums(outputs[name], target)

        return {name: LossTerm(sums, self.metrics, baseline=self.baseline)}

    def own_names(self, name: str) -> set[str]:
        """Return the names of all inputs and outputs that it adds to a graph."""
        return {*self.terms(name), *self.inputs(name)}

    def check_vocabulary(self, vocabulary: Vocabulary) -> None:
        """Raise `UserError` if the tokenizer lacks something that this objective needs."""

    def sentinels(self, sequence_length: int) -> int:
        """Return the number of sentinel tokens for examples of `sequence_length` tokens."""
        return 0

    def weight_at(self, step: int | None, steps: int | None) -> float:
        """Return what its loss is multiplied by at a step (see `LinearWeight.at`)."""
        return self.weight.at(step, steps) if isinstance(self.weight, LinearWeight) else self.weight

    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        """Yield what this objective needs and the model lacks, at paths within the objective."""
        yield from ()


def example_objective(objectives: Mapping[str, Objective]) -> Objective:
    """Return the objective that decides what text is made into; any, where none does."""
    return max(objectives.values(), key=lambda objective: objective.owns_examples())
