"""The interface of an export format."""

from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from archbuilder.errors import UserError
from archbuilder.runs.run_folder import RunFolder


class Extra(NamedTuple):
    """An optional dependency of a format."""

    name: str
    """Name of the extra of the archbuilder package that installs the dependency."""
    packages: tuple[str, ...]
    """Packages that the format imports."""


class Format(ABC):
    """The interface of export formats, which write a run's model and verify the artifact."""

    name: ClassVar[str]
    """Name of the format, the value of `--format`."""
    extra: ClassVar[Extra | None] = None
    """Optional dependency of the format. Default: none."""

    def check(self, run: RunFolder) -> None:  # noqa: B027
        """Raise UserError if the format does not support the run's model; load no model."""

    def check_path(self, path: Path) -> None:  # noqa: B027
        """Raise UserError if an artifact of this format cannot have this name."""

    def check_extra(self) -> None:
        """Raise UserError if a package that the format imports is not installed."""
        if self.extra is None:
            return
        for package in self.extra.packages:
            if find_spec(package) is None:
                raise UserError(
                    f"export format {self.name!r} requires the package {package}; "
                    f"install it with pip install 'archbuilder[{self.extra.name}]'"
                )

    @abstractmethod
    def write(self, model: Any, run: RunFolder, path: Path) -> str:
        """Write the artifact.

        Args:
            model: The run's Keras model in float32.
            run: The run, whose spec and tokenizer are part of the artifact.
            path: The file or directory to create.

        Returns:
            A message about content that could not be written, or "".
        """

    @abstractmethod
    def compare(self, model: Any, path: Path) -> float:
        """Load the artifact without archbuilder and compare it with the model.

        Args:
            model: The Keras model that was written.
            path: The artifact.

        Returns:
            The largest absolute difference between outputs, or between weights if the artifact
            cannot be run; NaN if a difference is NaN.

        Raises:
            ExportError: The artifact cannot be loaded or has other outputs.
        """


def companion_files(run: RunFolder) -> list[Path]:
    """Return the files that are stored with a model: its spec and its tokenizers."""
    folders = [folder for folder in (run.tokenizer, run.target_tokenizer) if folder.exists()]
    return [run.spec, *(file for folder in folders for file in sorted(folder.iterdir()))]
