"""The run folder: paths of its files, locking, creation, and checks before a run is resumed."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from archbuilder.errors import UserError
from archbuilder.files import LockedError, locked, remove
from archbuilder.language import SavedSpec
from archbuilder.runs import model_file, vocabularies
from archbuilder.runs.checkpoint_store import CheckpointStore
from archbuilder.runs.spec_diff import differences
from archbuilder.runs.spec_file import (
    is_saved_spec,
    read_spec,
    require_version,
    to_plain,
    write_spec,
)
from archbuilder.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    import keras

_RESTART = "use another --run, or --restart to start from scratch"


class RunFolder:
    """A folder with a run's spec, vocabularies, metrics, checkpoints and best model."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.spec = self.path / "spec.yaml"
        self.tokenizer = self.path / vocabularies.SOURCE
        self.target_tokenizer = self.path / vocabularies.TARGET
        self.metrics = self.path / "metrics.jsonl"
        self.checkpoints = CheckpointStore(self.path / "checkpoints")
        self.model = self.path / "model.keras"
        self._replaced: dict[Path, Path] = {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Create the folder, and lock it against other training processes.

        Raises:
            UserError: Another process is training in the folder, the folder has other content, or
                it cannot be written.
        """
        self._require_run_or_empty()
        with ExitStack() as stack:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                stack.enter_context(locked(self.path / ".lock", wait=False))
            except LockedError:
                raise UserError(
                    f"{self.path}: another process is training in this run folder"
                ) from None
            except OSError as error:
                raise self._cannot_be_written(error) from error
            yield

    def can_resume(self, experiment: SavedSpec, restart: bool) -> bool:
        """Return whether the folder has a run to resume.

        A run without checkpoints and without a model is replaced, since it has nothing to lose.

        Args:
            experiment: The spec of this run.
            restart: Whether to start from scratch; then the result is False.

        Raises:
            UserError: The run in the folder has a different spec, or a model but no checkpoint.
        """
        has_checkpoints = bool(self.checkpoints.folders())
        if restart or not (has_checkpoints or self.model.exists()):
            return False
        self._require_same_spec(experiment)
        if not has_checkpoints:
            raise UserError(
                f"{self.path}: contains a model but no checkpoint, so training cannot be resumed; "
                f"{_RESTART}"
            )
        return True

    def create(self, experiment: SavedSpec, pair: tuple[Vocabulary, Vocabulary] | None) -> None:
        """Create a run, and move the files of an earlier run aside; see `rollback_on_error`.

        Args:
            experiment: The spec of the run.
            pair: Vocabularies of source and target; None for a model that has no tokenizer.

        Raises:
            UserError: The folder cannot be written.
        """
        folders = (self.tokenizer, self.target_tokenizer, self.checkpoints.path)
        try:
            for path in (*folders, self.metrics, self.model, self.spec):
                self._move_aside(path)
            if pair is not None:
                vocabularies.save_vocabularies(self.path, pair)
            write_spec(self.spec, experiment)
        except OSError as error:
            raise self._cannot_be_written(error) from error

    @contextmanager
    def rollback_on_error(self) -> Iterator[None]:
        """Restore the files that `create` moved aside if the block raises; else remove them."""
        try:
            yield
        except BaseException:
            for path, aside in self._replaced.items():
                remove(path)
                os.replace(aside, path)
            raise
        finally:
            for aside in self._replaced.values():
                remove(aside)
            self._replaced.clear()

    def spec_path(self) -> Path:
        """Return the path of the run's spec. Raise UserError if it is missing or unsupported."""
        require_version(self.spec)
        return self.spec

    def vocabularies(self) -> tuple[Vocabulary, Vocabulary]:
        """Return the vocabularies of source and target; see `load_vocabularies`."""
        return vocabularies.load_vocabularies(self.path)

    def load_model(self) -> "keras.Model":
        """Return the best model. Raise UserError if its file is missing or damaged."""
        return model_file.load_model(self.model)

    def _move_aside(self, path: Path) -> None:
        if os.path.lexists(path):
            aside = path.with_name(f".{path.name}.replaced")
            remove(aside)
            os.replace(path, aside)
            self._replaced[path] = aside

    def _require_run_or_empty(self) -> None:
        if not self.path.is_dir():
            if self.path.exists():
                raise UserError(f"{self.path}: is a file, not a run folder")
            return
        visible = [path for path in self.path.iterdir() if not path.name.startswith(".")]
        if not visible or is_saved_spec(self.spec):
            return
        content = "has checkpoints" if self.checkpoints.path.exists() else "is not empty"
        raise UserError(
            f"{self.path}: {content} but has no spec.yaml of a run; use another --run folder"
        )

    def _require_same_spec(self, experiment: SavedSpec) -> None:
        saved = read_spec(self.spec)
        with suppress(ValueError):  # Validation adds the defaults of fields that are newer.
            saved = to_plain(type(experiment).model_validate(saved))
        changes = "\n  ".join(map(str, differences(saved, to_plain(experiment))))
        if changes:
            raise UserError(
                f"{self.path}: contains a run with a different spec:\n  {changes}\n{_RESTART}"
            )

    def _cannot_be_written(self, error: OSError) -> UserError:
        return UserError(f"{self.path}: cannot be written ({error.strerror})")
