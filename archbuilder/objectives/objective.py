"""The interface of training objectives: batches, head, loss and metrics."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, TypeAlias

import numpy as np
from pydantic import Field

from archbuilder.language import Problem, Spec
from archbuilder.network.backbone import Backbone, BackboneConfig
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.objectives.loss_term import LossTerm, Tensor
from archbuilder.objectives.loss_weight import LinearWeight, LossWeight
from archbuilder.objectives.metric import Metric
from archbuilder.text.batch import Batch, Target
from archbuilder.text.examples import Examples, Limits, Segments
from archbuilder.text.token_store import Tokens
from archbuilder.text.vocabularies import Vocabularies
from archbuilder.text.vocabulary import Vocabulary

Rate = Annotated[float, Field(ge=0, le=1)]
"""A fraction from 0 to 1."""

ExamplesClass: TypeAlias = type[Examples]
"""A class of examples. The alias is needed because the field `type` of objectives hides `type`."""

Head: TypeAlias = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Tensor]
"""A function that returns the output of a head.

Its arguments are the outputs of the backbone and the inputs of the objective, both by name."""


class Objective(Spec):
    """The interface of objectives. A spec can have several objectives, each with a name.

    An objective prepares batches, builds a head on the backbone, and computes sums over predictions
    from the output of the head and the target. The sums of several batches can be added; the loss
    and all metrics are computed from the totals.
    """

    weight: LossWeight = 1.0
    """Weight of the loss of this objective in the sum of all losses: a positive number, or a
    linear function of the step."""

    head_type: ClassVar[str]
    """Type of the head, by which tasks, shown predictions and exporters are selected. Objectives
    that differ only in their examples have the same type."""
    metrics: ClassVar[tuple[Metric, ...]]
    """Metrics that are computed from `sums`; `LOSS` is first."""
    examples: ClassVar[ExamplesClass] = Segments
    """Class of the examples that text is split into. An objective with another class than
    `Segments` determines the examples of all objectives of the spec."""
    needs_pooled_output: ClassVar[bool] = False
    """Whether the head reads the pooled output."""
    corrupts_inputs: ClassVar[bool] = False
    """Whether the objective changes the tokens that the backbone reads."""
    shows_predictions: ClassVar[bool] = False
    """Whether `training.show_predictions` can show predictions of this objective for validation
    examples."""

    def inputs(self, name: str) -> list[str]:
        """Return the names of the inputs that only this head reads, each int32 [B, M].

        M is the number of predicted positions of a row.

        Args:
            name: Name of this objective in the spec.
        """
        return []

    @classmethod
    def owns_examples(cls) -> bool:
        """Return whether the objective determines the class of examples."""
        return cls.examples is not Segments

    def make_examples(self, tokens: Tokens, vocabularies: Vocabularies, limits: Limits) -> Examples:
        """Return the examples of a text, for an objective that determines them.

        Args:
            tokens: Token ids and labels of the text.
            vocabularies: Vocabularies of source and target.
            limits: Maximum lengths.
        """
        return self.examples(tokens, vocabularies, limits)

    @abstractmethod
    def build(self, layers: LayerNamespace, name: str, backbone: Backbone) -> Head:
        """Return the head.

        Args:
            layers: `keras.layers` or a `ParameterCounter`.
            name: Name of this objective; layers of the head are called `name` or `name.LAYER`.
            backbone: Backbone, whose outputs the head reads.
        """

    def build_generator(self, layers: LayerNamespace, name: str, backbone: Backbone) -> Any:
        """Return a generator, which replaces some input tokens of the backbone, or None.

        The generator is trained together with the model. Its attribute `inputs` lists the names
        of the inputs that only it reads. It is called with two dictionaries, the inputs of the
        backbone and its own inputs, and returns two, the new inputs of the backbone and its own
        outputs.

        Args:
            layers: `keras.layers` or a `ParameterCounter`.
            name: Name of this objective.
            backbone: Backbone, whose embeddings the generator can share.
        """
        return None

    @abstractmethod
    def prepare_batch(
        self, name: str, batch: Batch, rng: "np.random.Generator", vocabulary: Vocabulary
    ) -> None:
        """Add the targets of the loss terms and the inputs of the head to a batch, in place.

        Args:
            name: Name of this objective.
            batch: Batch; columns that are used are removed from `batch.columns`.
            rng: The only source of random numbers.
            vocabulary: Vocabulary of the target, or of the only text.
        """

    @abstractmethod
    def sums(self, outputs: Tensor, target: Target) -> dict[str, Tensor]:
        """Return float32 scalars: "loss", "count" (number of targets), and the sums of the metrics.

        All are sums over predictions, so that those of several batches can be added.

        The engine divides the loss by the count of the whole effective batch, over all
        micro-batches and devices.

        Args:
            outputs: Output of the head.
            target: Target that `prepare_batch` added.
        """

    def baseline(
        self, train: Sequence[Target], validation: Sequence[Target], num_classes: int
    ) -> dict[str, float]:
        """Return the metrics of predicting frequencies (see `Baseline`). Default: no metrics."""
        return {}

    def terms(self, name: str) -> dict[str, LossTerm]:
        """Return the loss terms by name, one for each output with a loss.

        By default, the output of the head is the only one.

        Args:
            name: Name of this objective.
        """

        def sums(outputs: Mapping[str, Tensor], target: Target) -> dict[str, Tensor]:
            return self.sums(outputs[name], target)

        return {name: LossTerm(sums, self.metrics, baseline=self.baseline)}

    def own_names(self, name: str) -> set[str]:
        """Return the names of all inputs and outputs that the objective adds to a graph."""
        return {*self.terms(name), *self.inputs(name)}

    def check_vocabulary(self, vocabulary: Vocabulary) -> None:
        """Raise `UserError` if the vocabulary does not have a token that this objective needs."""

    def sentinels(self, sequence_length: int) -> int:
        """Return the number of sentinel tokens needed for examples of `sequence_length` tokens."""
        return 0

    def weight_at(self, step: int | None, steps: int | None) -> float:
        """Return the weight of the loss at a step (see `LinearWeight.at`)."""
        return self.weight.at(step, steps) if isinstance(self.weight, LinearWeight) else self.weight

    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        """Yield the problems of this objective with the model; paths start at the objective."""
        yield from ()


def example_objective(objectives: Mapping[str, Objective]) -> Objective:
    """Return the objective that determines the class of examples; if none does, the first one."""
    return max(objectives.values(), key=lambda objective: objective.owns_examples())
