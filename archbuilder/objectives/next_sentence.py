"""Next-sentence prediction: does the second segment follow the first in its document?"""

from collections.abc import Iterator
from typing import ClassVar, Literal

from archbuilder.language import Mistake
from archbuilder.network.architecture import Architecture, Network
from archbuilder.network.layer import dense
from archbuilder.objectives.objective import Objective, Share
from archbuilder.text.examples import Examples, Limits, Pairs


class NextSentence(Objective):
    """Tell a segment's continuation, class 0, from text of another document, class 1.

    Devlin et al., 2018, section 3.1, task 2; half of the pairs are of each class.
    """

    type: Literal["next_sentence"]
    short_pair_rate: Share = 0.1
    """Share of pairs that are made for a shorter length, drawn between 2 and the full one, so that
    the model meets such input, too (as in BERT's reference implementation)."""
    examples: ClassVar[type[Examples]] = Pairs
    pools: ClassVar[bool] = True

    def make_examples(self, tokens, vocabularies, limits: Limits) -> Examples:
        return Pairs(tokens, vocabularies, limits, self.short_pair_rate)

    def build(self, layers, name: str, network: Network):
        head = dense(layers, name, network.spec.hidden_dim, 2, network.spec.initializer)
        return lambda streams, inputs: head(streams["pooled"])  # [B, D] -> [B, 2]

    def corrupt(self, name: str, batch: dict, random, vocabulary) -> None:
        targets = batch.pop("random_next")
        batch[f"{name}_targets"] = targets
        batch[f"{name}_weights"] = (targets >= 0).astype("float32")

    def mistakes(self, model: Architecture) -> Iterator[Mistake]:
        if model.pooler is None:
            yield Mistake((), "this objective reads the pooled vector: give the model a pooler")
        if (model.embeddings.num_segments or 0) < 2:
            found = model.embeddings.num_segments or "none"
            yield Mistake(
                (), f"pairs need embeddings.num_segments of at least 2; the model has {found}"
            )
