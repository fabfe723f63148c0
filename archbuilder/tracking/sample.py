"""A validation example and the model's prediction, as readable text."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """A validation example with the prediction for one objective."""

    objective: str
    """Name of the objective."""
    texts: dict[str, str]
    """Texts by label, such as `source`, `prediction` and `reference`."""
