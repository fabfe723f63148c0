"""The run folder: what a run leaves behind, and how the same command finds it again."""

import fcntl
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from archbuilder.errors import UserError, writable
from archbuilder.language import plain_text, read
from archbuilder.runs import checkpoint
from archbuilder.text.tokenizer import load_vocabulary
from archbuilder.text.vocabulary import Vocabulary

LANGUAGE_VERSION = 1
_MARK = "# archbuilder language"
_HEADER = f"{_MARK} {LANGUAGE_VERSION}\n"
_AFRESH = "give another --run folder, or --restart to begin this one afresh"


class RunFolder:
    """A run's spec, tokenizer, metrics, checkpoints and best model, by their paths."""

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self.spec = self.path / "spec.yaml"
        self.tokenizer = self.path / "tokenizer"
        self.target_tokenizer = self.path / "target_tokenizer"
        self.metrics = self.path / "metrics.jsonl"
        self.checkpoints = self.path / "checkpoints"
        self.model = self.path / "model.keras"
        self._replaced: dict[Path, Path] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """While entered, no other process may train here; a folder of someone else's is refused."""
        self._refuse_what_is_no_run()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            folder = os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise UserError(f"{self.path}: cannot be written ({error.strerror})") from error
        try:
            self._lock(folder)
            yield
        finally:
            os.close(folder)

    def _lock(self, folder: int) -> None:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{self.path}: another process is training in this run folder"
            ) from None

    def goes_on(self, experiment, restart: bool) -> bool:
        """Whether there is something to go on with; a run of another experiment is refused.

        A run that has no checkpoint yet has nothing to lose, and takes the new spec.
        """
        begun = bool(checkpoint.steps(self.checkpoints))
        if restart or not (begun or self.model.exists()):
            return False
        self._same(experiment)
        if not begun:
            raise UserError(f"{self.path}: has a model and no checkpoint to go on from; {_AFRESH}")
        return True

    def begin(self, experiment, vocabularies: tuple[Vocabulary, Vocabulary] | None) -> None:
        """Begin a run: what another left here makes room.

        A model from elsewhere may come without text's vocabularies.
        """
        whole = (self.tokenizer, self.target_tokenizer, self.checkpoints)
        try:
            for path in (*whole, self.metrics, self.model, self.spec):
                if os.path.lexists(path):
                    aside = path.with_name(f".{path.name}.replaced")
                    _remove(aside)
                    os.replace(path, aside)
                    self._replaced[path] = aside
            for folder, vocabulary in self._tokenizers(vocabularies) if vocabularies else ():
                vocabulary.save(folder)
            replace(self.spec, (_HEADER + plain_text(plain(experiment))).encode())
        except OSError as error:
            raise UserError(f"{self.path}: cannot be written ({error.strerror})") from error

    @contextmanager
    def replacing(self) -> Iterator[None]:
        """While entered, what `begin` replaces is put back where something fails; then it goes."""
        try:
            yield
        except BaseException:
            for path, aside in self._replaced.items():
                _remove(path)
                os.replace(aside, path)
            raise
        finally:
            for aside in self._replaced.values():
                _remove(aside)
            self._replaced.clear()

    def _refuse_what_is_no_run(self) -> None:
        if not self.path.is_dir():
            if self.path.exists():
                raise UserError(f"{self.path}: is a file, not a run folder")
            return
        visible = [path for path in self.path.iterdir() if not path.name.startswith(".")]
        if not visible or self._is_ours():
            return
        what = "has checkpoints" if self.checkpoints.exists() else "is not empty"
        raise UserError(f"{self.path}: {what} and no spec.yaml of a run; give another --run folder")

    def _is_ours(self) -> bool:
        try:
            with open(self.spec, "rb") as file:
                return file.read(len(_MARK)) == _MARK.encode()
        except OSError:
            return False

    def _same(self, experiment) -> None:
        before = self.resolved()
        with suppress(ValueError):  # What the language has learnt since has its defaults.
            before = plain(type(experiment).model_validate(before))
        differences = list(difference(before, plain(experiment)))
        if differences:
            changed = "\n  ".join(differences)
            raise UserError(f"{self.path} holds a run of another spec:\n  {changed}\n{_AFRESH}")

    def resolved(self) -> dict:
        """The spec that the run was begun with, as plain data."""
        return read(self.known_spec()).plain()

    def known_spec(self) -> Path:
        """The file of the spec that the run was begun with; one of another version is refused."""
        if not self.spec.exists():
            raise UserError(f"{self.path}: not a run folder: it has no spec.yaml")
        with open(self.spec, "rb") as file:
            first = file.readline(200).decode(errors="replace")
        if first.startswith(_MARK) and first != _HEADER:
            version = first.strip("# \n")
            raise UserError(f"{self.spec}: written in another version: {version}")
        return self.spec

    def vocabularies(self) -> tuple[Vocabulary, Vocabulary]:
        """What reads the run's text and what writes it; one and the same where they share it."""
        if not self.tokenizer.exists():
            raise UserError(f"{self.tokenizer}: is not there; without it the model reads ids alone")
        source = load_vocabulary(self.tokenizer)
        if not self.target_tokenizer.exists():
            return source, source
        return source, load_vocabulary(self.target_tokenizer)

    def _tokenizers(self, vocabularies):
        source, target = vocabularies
        yield self.tokenizer, source
        if target is not source:
            yield self.target_tokenizer, target

    def load_model(self):
        """The best weights as a Keras model."""
        import keras

        if not self.model.exists():
            raise UserError(f"{self.path}: has no model.keras yet; train it first")
        if not self.has_sound_model():
            raise UserError(
                f"{self.model}: is damaged; the command that trained it writes it again"
            )
        return keras.saving.load_model(self.model, compile=False)

    def has_sound_model(self) -> bool:
        """Whether the saved model is there, whole."""
        try:
            with zipfile.ZipFile(self.model) as archive:
                return archive.testzip() is None
        except (OSError, zipfile.BadZipFile):
            return False

    def newest_checkpoint(self, tell) -> tuple[dict, dict] | None:
        """The newest sound checkpoint; a damaged one is told of, and the previous one taken."""
        found = checkpoint.steps(self.checkpoints)
        for folder in reversed(found):
            try:
                return checkpoint.read(folder)
            except checkpoint.DamagedCheckpoint as error:
                tell(f"damaged, not used: {error}")
        if found:
            raise UserError(f"{self.checkpoints}: no checkpoint is sound; --restart begins afresh")
        return None

    def keep_metrics_until(self, step: int) -> None:
        """Drop the lines of steps that will be taken again."""
        if not self.metrics.exists():
            return
        with writable(self.metrics):
            lines = self.metrics.read_bytes().splitlines()
            kept = [line for line in lines if _step_of(line) <= step]
            replace(self.metrics, b"".join(line + b"\n" for line in kept))

    def log(self, record: dict) -> None:
        """Add a line to the metrics."""
        with open(self.metrics, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def save_checkpoint(self, arrays: dict, state: dict, keep: int, stopped: bool = False) -> None:
        """Write the checkpoint of a step; of all, the newest, the last `keep` and the best stay.

        `stopped`: it is none of those planned, and is not counted among the last.
        """
        folder = checkpoint.at_step(self.checkpoints, state["step"], stopped)
        checkpoint.write(folder, arrays, state)
        best = state["best"]["step"]
        kept = None if best is None else checkpoint.at_step(self.checkpoints, best)
        checkpoint.prune(self.checkpoints, kept, keep)

    def mean(self, count: int, tell) -> tuple[dict, int]:
        """The mean of the last checkpoints planned, at most `count`, and how many they are.

        Damaged ones are told of and left out.
        """
        found = []
        for folder in checkpoint.planned(self.checkpoints)[-count:]:
            try:
                found.append(checkpoint.read(folder)[0])
            except checkpoint.DamagedCheckpoint as error:
                tell(f"damaged, not in the mean: {error}")
        if not found:
            return {}, 0
        # By their order: Keras numbers what has no name of its own anew in each process.
        each = zip(*(arrays.values() for arrays in found), strict=True)
        return dict(zip(found[-1], map(_mean, each), strict=True)), len(found)

    def newest_step(self) -> int | None:
        """The step of the newest checkpoint."""
        found = checkpoint.steps(self.checkpoints)
        return checkpoint.step_of(found[-1]) if found else None

    def save_model(self, model) -> None:
        """Write the model as plain Keras, complete or not at all; it never had an optimizer."""
        temporary = self.model.with_name("part.keras")
        try:
            model.save(temporary)
            checkpoint.make_durable(temporary)
            os.replace(temporary, self.model)
        finally:
            temporary.unlink(missing_ok=True)


class FollowedRun(RunFolder):
    """The run folder of another process, which writes it; this one reads."""

    @contextmanager
    def held(self) -> Iterator[None]:
        yield

    def keep_metrics_until(self, step: int) -> None:
        pass

    def log(self, record: dict) -> None:
        pass

    def save_checkpoint(self, arrays: dict, state: dict, keep: int, stopped: bool = False) -> None:
        pass

    def save_model(self, model) -> None:
        pass


def _remove(path: Path) -> None:
    """A file, or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def plain(experiment) -> dict:
    """A spec as plain data, defaults included, as it is written down."""
    return experiment.model_dump(mode="json", exclude_none=True)


def replace(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it into place."""
    temporary = path.with_name(f".{path.name}.part")
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _mean(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Of what can be averaged; the last of counters and seeds."""
    last = arrays[-1]
    if not np.issubdtype(last.dtype, np.floating):
        return last
    return np.mean(arrays, axis=0, dtype="float64").astype(last.dtype)


def difference(old, new, path: str = ""):
    """Lines `path: old -> new` for every value in which two plain specs differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            place = f"{path}.{key}" if path else str(key)
            yield from difference(old.get(key), new.get(key), place)
    elif old != new:
        yield f"{path}: {old} -> {new}"


def _step_of(line: bytes) -> float:
    """The step of a record; what is none is behind all."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
