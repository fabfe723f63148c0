"""The interface of specs that can be saved and read again."""

from typing import Any, Protocol, Self


class SavedSpec(Protocol):
    """The interface of specs that can be saved and read again. Every `Spec` implements it."""

    def model_dump(self, *, mode: str, exclude_none: bool) -> dict[str, Any]:
        """Return the spec as dictionaries, lists and scalars, as pydantic does."""
        ...

    @classmethod
    def model_validate(cls, obj: Any) -> Self:
        """Return a spec from such data. Raise `ValueError` if the data is invalid."""
        ...
