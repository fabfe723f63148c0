"""A validation example and the prediction of a model, as text for people to read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """An example with a prediction of one objective."""

    objective: str
    """Name of the objective."""
    texts: dict[str, str]
    """Texts by label, such as `source`, `written` and `reference`."""
