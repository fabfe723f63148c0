"""The interface of a spec that can be saved."""

from typing import Any, Protocol, Self


class SavedSpec(Protocol):
    """A spec that can be saved and read again, as every `Spec` can."""

    def model_dump(self, *, mode: str, exclude_none: bool) -> dict[str, Any]:
        """Return the spec as plain data."""
        ...

    @classmethod
    def model_validate(cls, obj: Any) -> Self:
        """Return the spec with the values of plain data. Raise `ValueError` if they are invalid."""
        ...
