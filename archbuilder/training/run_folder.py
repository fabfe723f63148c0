"""The run folder: what a run leaves behind, and how the same command finds it again."""

import json
import os
import shutil
from pathlib import Path

import yaml

from archbuilder.mistake import UserMistake
from archbuilder.text.tokenizer import load_vocabulary
from archbuilder.text.vocabulary import Vocabulary
from archbuilder.training import checkpoint

LANGUAGE_VERSION = 1
_HEADER = f"# archbuilder language {LANGUAGE_VERSION}\n"


class RunFolder:
    """A run's spec, tokenizer, metrics, checkpoints and best model, by their paths."""

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self.spec = self.path / "spec.yaml"
        self.tokenizer = self.path / "tokenizer"
        self.metrics = self.path / "metrics.jsonl"
        self.checkpoints = self.path / "checkpoints"
        self.model = self.path / "model.keras"

    def open(self, plain_spec: dict, restart: bool) -> None:
        """Begin a run, or go on with one; a run of another spec is refused with the difference.

        A run that has no checkpoint yet has nothing to lose, and takes the new spec.
        """
        begun = bool(checkpoint.steps(self.checkpoints))
        if begun and not restart:
            self._same(plain_spec)
            return
        if not restart and self.spec.exists() and self.resolved() == plain_spec:
            return
        try:
            self._clear()
            self.path.mkdir(parents=True, exist_ok=True)
            text = yaml.safe_dump(plain_spec, sort_keys=False, allow_unicode=True)
            replace(self.spec, (_HEADER + text).encode())
        except OSError as error:
            raise UserMistake(f"{self.path}: cannot be written ({error.strerror})") from error

    def _clear(self) -> None:
        for path in (self.tokenizer, self.checkpoints):
            shutil.rmtree(path, ignore_errors=True)
        for path in (self.spec, self.metrics, self.model):
            path.unlink(missing_ok=True)

    def _same(self, plain_spec: dict) -> None:
        if not self.spec.exists():
            raise UserMistake(
                f"{self.path}: has checkpoints and no spec.yaml that says of what; "
                "give another --run folder, or --restart to begin this one afresh"
            )
        differences = list(difference(self.resolved(), plain_spec))
        if differences:
            changed = "\n  ".join(differences)
            raise UserMistake(
                f"{self.path} holds a run of another spec:\n  {changed}\n"
                "give another --run folder, or --restart to begin this one afresh"
            )

    def resolved(self) -> dict:
        """The spec that the run was begun with."""
        try:
            text = self.spec.read_text(encoding="utf-8")
            first = text.partition("\n")[0] + "\n"
            if first.startswith("# archbuilder language") and first != _HEADER:
                raise UserMistake(f"{self.spec}: written in another version: {first.strip('# ')}")
            return yaml.safe_load(text)
        except (OSError, yaml.YAMLError) as error:
            raise UserMistake(f"{self.spec}: cannot be read ({error})") from error

    def known_spec(self) -> Path:
        """The file of the spec that the run was begun with."""
        if not self.spec.exists():
            raise UserMistake(f"{self.path}: not a run folder: it has no spec.yaml")
        return self.spec

    def vocabulary(self) -> Vocabulary:
        """What reads and writes the run's text."""
        if not self.tokenizer.exists():
            raise UserMistake(f"{self.path}: has no tokenizer yet; train it first")
        return load_vocabulary(self.tokenizer)

    def load_model(self):
        """The best weights as a Keras model."""
        import keras

        if not self.model.exists():
            raise UserMistake(f"{self.path}: has no model.keras yet; train it first")
        return keras.saving.load_model(self.model, compile=False)

    def newest_checkpoint(self, tell) -> tuple[dict, dict] | None:
        """The newest sound checkpoint; a damaged one is told of, and the previous one taken."""
        found = checkpoint.steps(self.checkpoints)
        for folder in reversed(found):
            try:
                return checkpoint.read(folder)
            except checkpoint.DamagedCheckpoint as error:
                tell(f"damaged, not used: {error}")
        if found:
            raise UserMistake(
                f"{self.checkpoints}: no checkpoint is sound; --restart begins afresh"
            )
        return None

    def keep_metrics_until(self, step: int) -> None:
        """Drop the lines of steps that will be taken again."""
        if not self.metrics.exists():
            return
        lines = self.metrics.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if _step_of(line) <= step]
        replace(self.metrics, "".join(line + "\n" for line in kept).encode())

    def log(self, record: dict) -> None:
        """Add a line to the metrics."""
        with open(self.metrics, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def save_model(self, model) -> None:
        """Write the model as plain Keras, complete or not at all; it never had an optimizer."""
        temporary = self.model.with_name("part.keras")
        model.save(temporary)
        os.replace(temporary, self.model)


def replace(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it into place."""
    temporary = path.with_name(f".{path.name}.part")
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def difference(old, new, path: str = ""):
    """Lines `path: old -> new` for every value in which two plain specs differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            place = f"{path}.{key}" if path else str(key)
            yield from difference(old.get(key), new.get(key), place)
    elif old != new:
        yield f"{path}: {old} -> {new}"


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return float("inf")
