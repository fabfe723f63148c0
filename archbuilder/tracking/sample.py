"""A validation example with the prediction of a model, as people are shown it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """An example of an objective."""

    objective: str
    """Name of the objective."""
    texts: dict[str, str]
    """Texts by label, as `source`, `written` and `reference`."""
