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
    """The extra of the archbuilder package that installs it."""
    packages: tuple[str, ...]
    """The packages that the format imports."""


class Format(ABC):
    """An export format: how a run's model is written, and how the artifact is loaded again."""

    name: ClassVar[str]
    """The value of `--format`."""
    extra: ClassVar[Extra | None] = None
    """The optional dependency that the format needs. Default: none."""

    def check(self, run: RunFolder) -> None:  # noqa: B027
        """Raise UserError if the run's model cannot be written; load no model."""

    def check_path(self, path: Path) -> None:  # noqa: B027
        """Raise UserError if an artifact of this format cannot have this name."""

    def check_extra(self) -> None:
        """Raise UserError if a package that the format imports is not installed."""
        if self.extra is None:
            return
        for package in self.extra.packages:
            if find_spec(package) is None:
                raise UserError(
                    f"format {self.name!r} needs {package}: "
                    f"pip install 'archbuilder[{self.extra.name}]'"
                )

    @abstractmethod
    def write(self, model: Any, run: RunFolder, path: Path) -> str:
        """Write the artifact.

        Args:
            model: The run's Keras model in float32.
            run: The run, whose spec and tokenizer belong to the artifact.
            path: The file or directory to create.

        Returns:
            A sentence about what could not be written, or "".
        """

    @abstractmethod
    def compare(self, model: Any, path: Path) -> float:
        """Load the artifact without archbuilder and compare it with the model.

        Returns:
            The largest absolute difference of any output, or of any weight where the artifact has
            no outputs; NaN if a difference is NaN.

        Raises:
            ExportError: The artifact cannot be loaded or has other outputs.
        """


def companion_files(run: RunFolder) -> list[Path]:
    """Return the files stored with a model: its spec and its tokenizers."""
    folders = [folder for folder in (run.tokenizer, run.target_tokenizer) if folder.exists()]
    return [run.spec, *(file for folder in folders for file in sorted(folder.iterdir()))]
