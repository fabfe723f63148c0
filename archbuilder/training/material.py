"""From a spec's text to batches: tokenizer, id cache, examples, in that order."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from archbuilder.mistake import UserMistake
from archbuilder.text.batches import Batches
from archbuilder.text.cache import cache_root, cached
from archbuilder.text.examples import EXAMPLES
from archbuilder.text.tokenizer import load_vocabulary
from archbuilder.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Material:
    """What a run trains on and is measured on."""

    vocabulary: Vocabulary
    train: Batches
    validation: Batches | None

    def notes(self) -> list[str]:
        """What the user should know of it."""
        found = []
        for name, batches in (("train", self.train), ("validation", self.validation)):
            dropped = getattr(batches.examples, "dropped", 0) if batches else 0
            if dropped:
                found.append(f"data.{name}: {dropped} pairs over data.sequence_length left out")
        return found


def gather(experiment, tokenizer_folder: Path, tell) -> Material:
    """Prepare an experiment's text; what was prepared before is found again."""
    vocabulary = _vocabulary(experiment, tokenizer_folder, tell)
    data = experiment.data
    train = _batches(experiment, data.train, vocabulary, tell)
    validation = data.validation and _batches(experiment, data.validation, vocabulary, tell)
    return Material(vocabulary, train, validation)


def _vocabulary(experiment, folder: Path, tell) -> Vocabulary:
    if folder.exists():
        return load_vocabulary(folder)
    wanted = experiment.model.vocabulary_size
    if experiment.tokenizer.file:
        vocabulary = experiment.tokenizer.load_file()
        if vocabulary.size != wanted:
            raise UserMistake(
                f"{experiment.tokenizer.file}: has {vocabulary.size} tokens, "
                f"model.vocabulary_size is {wanted}"
            )
    else:
        tell(f"training the tokenizer to {wanted:,} tokens")
        vocabulary = experiment.tokenizer.train(experiment.data.train.lines(), wanted)
        if vocabulary.size < wanted:
            tell(
                f"the text yields {vocabulary.size:,} tokens; "
                f"the rest of model.vocabulary_size {wanted:,} stays unused"
            )
    temporary = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    vocabulary.save(temporary)
    os.replace(temporary, folder)
    return vocabulary


def _batches(experiment, corpus, vocabulary, tell) -> Batches:
    tokens = cached(corpus, vocabulary, cache_root())
    examples = EXAMPLES[experiment.examples](tokens, vocabulary, experiment.data.sequence_length)
    training = experiment.training
    return Batches(examples, experiment.objectives, vocabulary, training.batch, training.seed)
