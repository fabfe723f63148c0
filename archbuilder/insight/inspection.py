"""Inspection of training data: statistics of text, tokens and batches, and sample inputs."""

from itertools import chain
from typing import Any

import numpy as np

from archbuilder.batches.batches import Batches
from archbuilder.batches.training_data import load_training_data
from archbuilder.experiment import Experiment
from archbuilder.insight.text_facts import text_facts
from archbuilder.objectives import loss_terms
from archbuilder.text.prepare import ProgressListener, Split
from archbuilder.text.record import SOURCE, TARGET, TEXT
from archbuilder.text.token_store import RaggedText
from archbuilder.text.vocabularies import Vocabularies
from archbuilder.text.vocabulary import Vocabulary

OUTLIER_FACTOR = 3.0
"""Factor for outliers: pairs with a length ratio above median * factor or below median / factor."""
BLOCK_SIZE = 2**20
"""Number of tokens that are read into memory at a time."""


def inspect(experiment: Experiment, listener: ProgressListener, examples: int = 3) -> dict:
    """Return statistics of an experiment's data, by split.

    Args:
        experiment: The experiment.
        listener: Receives progress messages.
        examples: Number of examples to return for each split. Default: 3.

    Returns:
        For each split, a dictionary with `text`, `tokens`, `batches` and `examples`.

    Raises:
        UserError: The spec has no data, tokenizer or training section, or the data is invalid.
    """
    spec = experiment.for_training("inspecting")
    training_data = load_training_data(spec, listener)
    splits = {}
    for name, batches in training_data.splits().items():
        split, corpus = training_data.prepared.splits[name], getattr(spec.data, name)
        tokens = _tokens(split, training_data.prepared.vocabularies)
        worst = tokens["ratio"]["worst"] if "ratio" in tokens else []
        progress = listener.start(f"reading data.{name}", corpus.total_bytes())
        facts = text_facts(corpus, progress, {outlier["pair"] for outlier in worst})
        listener.finish()
        _add_locations(
            worst, facts.pop("places"), facts.get("pairs") == split.counts().get("pairs")
        )
        splits[name] = {
            "text": facts,
            "tokens": tokens,
            "batches": _batches(batches, split.counts()),
            "examples": example_texts(batches, examples),
        }
    return splits


def _tokens(split: Split, vocabularies: Vocabularies) -> dict[str, Any]:
    """Return token statistics by text column and, for pairs, the length ratio as `ratio`."""
    first = split.members[0][1]
    by_column = vocabularies.by_column(first.text)
    columns = {
        name: _column_facts([tokens.text[name] for _, tokens in split.members], vocabulary)
        for name, vocabulary in by_column.items()
    }
    output_names = {TEXT: "sentences"}
    column_facts = {output_names.get(name, name): facts for name, (facts, _) in columns.items()}
    if TARGET in columns:
        column_facts["ratio"] = _ratio(columns[SOURCE][1], columns[TARGET][1])
    return column_facts


def _column_facts(
    texts: list[RaggedText], vocabulary: Vocabulary
) -> tuple[dict[str, Any], np.ndarray]:
    """Return the statistics of a text column, and the number of tokens per line, int32 [lines].

    Args:
        texts: The column in each corpus of a split.
        vocabulary: The vocabulary of the column.
    """
    lengths = np.concatenate([text.lengths().astype("int32") for text in texts])
    unknown, byte_tokens = np.sum(
        [_count_unknown(text, vocabulary) for text in texts], axis=0
    ).tolist()
    return _line_facts(lengths, unknown, byte_tokens), lengths


def _line_facts(lengths: np.ndarray, unknown: int, byte_tokens: int) -> dict:
    count = int(lengths.sum(dtype="int64"))
    return {
        "count": count,
        "unknown_fraction": unknown / count,
        "byte_fraction": byte_tokens / count,
        "lengths": {
            "mean": float(lengths.mean()),
            "max": int(lengths.max()),
            "percentiles": {
                str(percent): int(np.percentile(lengths, percent))
                for percent in (5, 25, 50, 75, 95, 99)
            },
            "histogram": _histogram(lengths),
        },
    }


def _count_unknown(text: RaggedText, vocabulary: Vocabulary) -> tuple[int, int]:
    """Return the number of unknown tokens, and the number of byte tokens (byte fallback)."""
    unknown = byte_tokens = 0
    for start in range(0, len(text.ids), BLOCK_SIZE):
        block = text.ids[start : start + BLOCK_SIZE]
        unknown += int((block == vocabulary.unknown_id).sum())
        if vocabulary.byte_ids:
            byte_tokens += int(np.isin(block, vocabulary.byte_ids).sum())
    return unknown, byte_tokens


def _histogram(lengths: np.ndarray, bins: int = 12) -> list[dict]:
    """Return counts in equal bins up to the 99th percentile, and in one bin for longer lines."""
    percentile_99 = int(np.percentile(lengths, 99))
    width = max(1, -(-percentile_99 // bins))
    indices = np.minimum((lengths - 1) // width, bins)
    counts = np.bincount(indices, minlength=1)
    longest = int(lengths.max())
    return [
        {
            "from": number * width + 1,
            "to": (number + 1) * width if number < bins else longest,
            "count": int(count),
        }
        for number, count in enumerate(counts)
    ]


def _ratio(source: np.ndarray, target: np.ndarray) -> dict:
    """Return the median ratio of target to source length, the number of outliers, and the 5 worst.

    The ratio is (target + 1) / (source + 1), so that short lines are rarely outliers.

    Args:
        source: Number of source tokens of each pair, int32 [pairs].
        target: Number of target tokens of each pair, int32 [pairs].
    """
    ratio = (target + 1) / (source + 1)
    median = float(np.median(ratio))
    outliers = np.flatnonzero((ratio > OUTLIER_FACTOR * median) | (ratio < median / OUTLIER_FACTOR))
    order = np.argsort(-np.abs(np.log(ratio[outliers] / median)), kind="stable")
    worst = outliers[order[:5]]
    return {
        "median": median,
        "outliers": len(outliers),
        "worst": [
            {"pair": int(i) + 1, "source": int(source[i]), "target": int(target[i])} for i in worst
        ],
    }


def _add_locations(worst: list[dict], locations: dict[int, str], all_have_tokens: bool) -> None:
    """Add its location to each outlier.

    Args:
        worst: The outliers. Their `pair` numbers count only tokenized pairs, from 1.
        locations: The location of each pair, by its number among all pairs.
        all_have_tokens: Whether all pairs were tokenized, so that the numbers are the same.
    """
    for outlier in worst:
        number = outlier["pair"]
        location = locations[number] if all_have_tokens else f"tokenized pair {number:,}"
        outlier["location"] = location


def _batches(batches: Batches, counts: dict[str, int]) -> dict:
    """Return batch statistics; `counts` are the numbers of units in a split, such as sentences."""
    skipped_counts: dict[str, int] = {}
    units: dict[str, str] = {}
    for skipped in chain.from_iterable(examples.skipped for examples in batches.examples):
        count = skipped_counts.get(skipped.reason, 0)
        skipped_counts[skipped.reason] = count + skipped.count
        units[skipped.reason] = skipped.unit
    fractions = {reason: count / counts[units[reason]] for reason, count in skipped_counts.items()}
    return {
        "examples": batches.sampler.num_examples(),
        "batches": len(batches),
        "padding_fraction": batches.sampler.padding_fraction(),
        "shapes": batches.sampler.num_shapes(),
        "skipped": skipped_counts,
        "skipped_fraction": fractions,
    }


def example_texts(batches: Batches, count: int) -> list[dict[str, str]]:
    """Return the inputs and targets of the first examples of the first batch as text.

    Args:
        batches: The batches of a split.
        count: Maximum number of examples.
    """
    batch = batches[0]
    terms = {name: term for name, term in loss_terms(batches.losses).items() if term.predicts_ids}
    examples = []
    for row in range(min(count, batch.shape()[0])):
        example = {}
        for sequence, vocabulary in zip(batch.sequences(), batches.vocabularies, strict=False):
            is_token = batch.inputs[sequence.padding_mask][row] > 0
            ids = batch.inputs[sequence.token_ids][row][is_token]
            example[sequence.token_ids] = _tokens_as_text(ids, vocabulary)
        for name in terms:
            ids, weights = (array[row] for array in batch.targets[name])
            example[f"{name} targets"] = _target(ids, weights, batches.vocabularies[-1])
        examples.append(example)
    return examples


def _target(ids: np.ndarray, weights: np.ndarray, vocabulary: Vocabulary) -> str:
    """Return the targets of a row as text: its tokens, or the class or number of the whole row."""
    if np.ndim(ids):
        return _tokens_as_text(ids[weights > 0], vocabulary)
    return f"class {int(ids)}" if ids.dtype.kind == "i" else f"{ids:g}"


def _tokens_as_text(ids: np.ndarray, vocabulary: Vocabulary) -> str:
    return " ".join(vocabulary.id_to_token(int(i)) for i in ids)


def as_text(splits: dict) -> str:
    """Return the result of `inspect` as text.

    Args:
        splits: The statistics, by the name of the split.
    """
    lines: list[str] = []
    for name, split in splits.items():
        lines += [f"data.{name}", *_text_lines(split["text"])]
        for column, facts in split["tokens"].items():
            lines += _ratio_lines(facts) if column == "ratio" else _column_lines(column, facts)
        lines += _batch_lines(split["batches"])
        lines.append("  examples of inputs and targets:")
        for example in split["examples"]:
            lines += [f"    {key}: {text}" for key, text in example.items()]
            lines.append("")
    return "\n".join(lines).rstrip()


def _text_lines(text: dict) -> list[str]:
    keys = [key for key in ("documents", "sentences", "pairs", "characters") if key in text]
    lines = ["  text: " + ", ".join(f"{text[key]:,} {key}" for key in keys)]
    duplicates = [f"{count:,} {key}" for key, count in text["duplicates"].items() if count]
    lines.append("  duplicates: " + (", ".join(duplicates) or "none"))
    if text["empty_lines"]:
        lines.append(f"  empty lines between documents: {text['empty_lines']:,}")
    if text.get("source_equals_target"):
        lines.append(f"  identical source and target: {text['source_equals_target']:,} pairs")
    lines += [f"  skipped: {count:,} {reason}" for reason, count in text["skipped"].items()]
    for name, facts in text["suspicious"].items():
        lines.append(f"  suspicious: {name} in {facts['lines']:,} lines, first: {facts['first']}")
    return lines


def _column_lines(column: str, facts: dict) -> list[str]:
    lengths = facts["lengths"]
    percentiles = ", ".join(f"{percent}% {n}" for percent, n in lengths["percentiles"].items())
    byte_text = f", bytes {facts['byte_fraction']:.3%}" if facts["byte_fraction"] else ""
    unknown = f"unknown {facts['unknown_fraction']:.3%}"
    lines = [
        f"  {column}: {facts['count']:,} tokens, {unknown}{byte_text}",
        f"    tokens per line: mean {lengths['mean']:.1f}, max {lengths['max']}; {percentiles}",
    ]
    max_count = max(item["count"] for item in lengths["histogram"])
    for item in lengths["histogram"]:
        bar = "█" * round(40 * item["count"] / max_count) or ("▏" if item["count"] else "")
        lines.append(f"    {item['from']:>5}-{item['to']:<5} {item['count']:>10,} {bar}")
    return lines


def _ratio_lines(facts: dict) -> list[str]:
    lines = [
        f"  length ratio of target to source: median {facts['median']:.2f}, "
        f"{facts['outliers']:,} pairs differ from it by more than a factor of {OUTLIER_FACTOR:g}"
    ]
    for outlier in facts["worst"]:
        lines.append(
            f"    {outlier['location']}: {outlier['source']} source tokens, "
            f"{outlier['target']} target tokens"
        )
    return lines


def _batch_lines(facts: dict) -> list[str]:
    lines = [
        f"  batches: {facts['batches']:,} per epoch of {facts['examples']:,} examples, "
        f"{facts['padding_fraction']:.1%} padding, {facts['shapes']:,} shapes"
    ]
    fractions = facts["skipped_fraction"]
    return lines + [
        f"  {count:,} {reason} ({fractions[reason]:.2%})"
        for reason, count in facts["skipped"].items()
    ]
