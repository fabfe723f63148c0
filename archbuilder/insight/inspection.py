"""What a model will be fed: the text, its tokens, its batches, and examples as it sees them."""

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

RATIO = 3.0
"""A pair is an outlier where its length ratio is so many times the usual one, or its inverse."""
BLOCK = 2**20
"""Tokens looked at together."""


def inspect(experiment: Experiment, listener: ProgressListener, examples: int = 3) -> dict:
    """The facts of an experiment's text by split; see the sections below for what is told."""
    spec = experiment.for_training("inspecting")
    material = load_training_data(spec, listener)
    found = {}
    for name, batches in material.splits().items():
        split, corpus = material.prepared.splits[name], getattr(spec.data, name)
        tokens = _tokens(split, material.prepared.vocabularies)
        worst = tokens["ratio"]["worst"] if "ratio" in tokens else []
        progress = listener.start(f"reading data.{name}", corpus.total_bytes())
        facts = text_facts(corpus, progress, {one["pair"] for one in worst})
        listener.finish()
        _place(worst, facts.pop("places"), facts.get("pairs") == split.counts().get("pairs"))
        found[name] = {
            "text": facts,
            "tokens": tokens,
            "batches": _batches(batches, split.counts()),
            "examples": shown(batches, examples),
        }
    return found


def _tokens(split: Split, vocabularies: Vocabularies) -> dict[str, Any]:
    """Return the lengths of each text column, and its tokens that stand for unknown text."""
    first = split.members[0][1]
    by_column = vocabularies.by_column(first.text)
    columns = {
        name: _column_facts([tokens.text[name] for _, tokens in split.members], vocabulary)
        for name, vocabulary in by_column.items()
    }
    names = {TEXT: "sentences"}
    found = {names.get(name, name): facts for name, (facts, _) in columns.items()}
    if TARGET in columns:
        found["ratio"] = _ratio(columns[SOURCE][1], columns[TARGET][1])
    return found


def _column_facts(
    texts: list[RaggedText], vocabulary: Vocabulary
) -> tuple[dict[str, Any], np.ndarray]:
    """Return the facts of one text column of all corpora, and the tokens of each of its lines."""
    lengths = np.concatenate([text.lengths().astype("int32") for text in texts])
    unknown, spelled = np.sum([_unknown(text, vocabulary) for text in texts], axis=0).tolist()
    return _side(lengths, unknown, spelled), lengths


def _side(lengths: np.ndarray, unknown: int, bytes: int) -> dict:
    count = int(lengths.sum(dtype="int64"))
    return {
        "count": count,
        "unknown_share": unknown / count,
        "byte_share": bytes / count,
        "lengths": {
            "mean": float(lengths.mean()),
            "longest": int(lengths.max()),
            "percentiles": {
                str(share): int(np.percentile(lengths, share)) for share in (5, 25, 50, 75, 95, 99)
            },
            "histogram": _histogram(lengths),
        },
    }


def _unknown(text: RaggedText, vocabulary: Vocabulary) -> tuple[int, int]:
    """Return the number of unknown tokens, and of tokens that spell unknown text in bytes."""
    unknown = spelled = 0
    for begin in range(0, len(text.ids), BLOCK):
        block = text.ids[begin : begin + BLOCK]
        unknown += int((block == vocabulary.unknown_id).sum())
        if vocabulary.byte_ids:
            spelled += int(np.isin(block, vocabulary.byte_ids).sum())
    return unknown, spelled


def _histogram(lengths: np.ndarray, bins: int = 12) -> list[dict]:
    """Counts in bins of equal width up to the 99th percentile; the last holds the rest."""
    most = int(np.percentile(lengths, 99))
    width = max(1, -(-most // bins))
    place = np.minimum((lengths - 1) // width, bins)
    counts = np.bincount(place, minlength=1)
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
    """The usual ratio of target to source length, and pairs far off it, one token allowed for."""
    ratio = (target + 1) / (source + 1)
    usual = float(np.median(ratio))
    off = np.flatnonzero((ratio > RATIO * usual) | (ratio < usual / RATIO))
    worst = off[np.argsort(-np.abs(np.log(ratio[off] / usual)), kind="stable")[:5]]
    return {
        "median": usual,
        "outliers": len(off),
        "worst": [
            {"pair": int(i) + 1, "source": int(source[i]), "target": int(target[i])} for i in worst
        ],
    }


def _place(worst: list[dict], places: dict[int, str], all_have_tokens: bool) -> None:
    """Say where pairs stand that are known by their numbers among those with tokens."""
    for one in worst:
        number = one["pair"]
        one["place"] = places[number] if all_have_tokens else f"pair {number:,} of those kept"


def _batches(batches: Batches, counts: dict[str, int]) -> dict:
    left_out: dict[str, int] = {}
    units: dict[str, str] = {}
    for skipped in (one for examples in batches.examples for one in examples.skipped):
        left_out[skipped.reason] = left_out.get(skipped.reason, 0) + skipped.count
        units[skipped.reason] = skipped.unit
    shares = {reason: count / counts[units[reason]] for reason, count in left_out.items()}
    return {
        "examples": batches.sampler.num_examples(),
        "batches": len(batches),
        "padding_share": batches.sampler.padding_fraction(),
        "shapes": batches.sampler.num_shapes(),
        "left_out": left_out,
        "left_out_share": shares,
    }


def shown(batches: Batches, count: int) -> list[dict[str, str]]:
    """Return the first examples of the first batch: what the model reads, and what it predicts."""
    batch = batches[0]
    terms = {name: term for name, term in loss_terms(batches.losses).items() if term.predicts_ids}
    examples = []
    for row in range(min(count, batch.shape()[0])):
        example = {}
        for sequence, vocabulary in zip(batch.sequences(), batches.vocabularies, strict=False):
            real = batch.inputs[sequence.padding_mask][row] > 0
            ids = batch.inputs[sequence.token_ids][row][real]
            example[sequence.token_ids] = _written(ids, vocabulary)
        for name in terms:
            ids, weights = (array[row] for array in batch.targets[name])
            example[f"{name} is to guess"] = _target(ids, weights, batches.vocabularies[-1])
        examples.append(example)
    return examples


def _target(ids: np.ndarray, weights: np.ndarray, vocabulary: Vocabulary) -> str:
    """Format the target of one row: tokens, or the class or value of a whole row."""
    if np.ndim(ids):
        return _written(ids[weights > 0], vocabulary)
    return f"class {int(ids)}" if ids.dtype.kind == "i" else f"{ids:g}"


def _written(ids: np.ndarray, vocabulary: Vocabulary) -> str:
    return " ".join(vocabulary.id_to_token(int(i)) for i in ids)


def as_text(found: dict) -> str:
    """The facts as a person reads them."""
    lines: list[str] = []
    for name, split in found.items():
        lines += [f"data.{name}", *_text_lines(split["text"])]
        for side, facts in split["tokens"].items():
            lines += _ratio_lines(facts) if side == "ratio" else _side_lines(side, facts)
        lines += _batch_lines(split["batches"])
        lines.append("  as the model sees it:")
        for example in split["examples"]:
            lines += [f"    {key}: {text}" for key, text in example.items()]
            lines.append("")
    return "\n".join(lines).rstrip()


def _text_lines(text: dict) -> list[str]:
    what = [key for key in ("documents", "sentences", "pairs", "characters") if key in text]
    lines = ["  text: " + ", ".join(f"{text[key]:,} {key}" for key in what)]
    twice = [f"{count:,} {key}" for key, count in text["duplicates"].items() if count]
    lines.append("  stand in it before: " + (", ".join(twice) or "none"))
    if text["empty_lines"]:
        lines.append(f"  empty lines between documents: {text['empty_lines']:,}")
    if text.get("source_equals_target"):
        lines.append(f"  source and target are the same: {text['source_equals_target']:,} pairs")
    lines += [f"  left out: {count:,} {reason}" for reason, count in text["left_out"].items()]
    for oddity, facts in text["odd"].items():
        lines.append(f"  odd: {oddity} in {facts['lines']:,} lines, the first in {facts['first']}")
    return lines


def _side_lines(side: str, facts: dict) -> list[str]:
    lengths = facts["lengths"]
    percentiles = ", ".join(f"{share}% {n}" for share, n in lengths["percentiles"].items())
    bytes = f", spelled in bytes {facts['byte_share']:.3%}" if facts["byte_share"] else ""
    lines = [
        f"  {side}: {facts['count']:,} tokens, unknown {facts['unknown_share']:.3%}{bytes}",
        f"    tokens each: mean {lengths['mean']:.1f}, longest {lengths['longest']}; {percentiles}",
    ]
    most = max(one["count"] for one in lengths["histogram"])
    for one in lengths["histogram"]:
        bar = "█" * round(40 * one["count"] / most) or ("▏" if one["count"] else "")
        lines.append(f"    {one['from']:>5}-{one['to']:<5} {one['count']:>10,} {bar}")
    return lines


def _ratio_lines(facts: dict) -> list[str]:
    lines = [
        f"  target to source: usually {facts['median']:.2f}, "
        f"{facts['outliers']:,} pairs more than {RATIO:g} times off"
    ]
    for one in facts["worst"]:
        lines.append(f"    {one['place']}: {one['source']} to {one['target']} tokens")
    return lines


def _batch_lines(facts: dict) -> list[str]:
    lines = [
        f"  batches: {facts['batches']:,} an epoch of {facts['examples']:,} examples, "
        f"{facts['padding_share']:.1%} padding, {facts['shapes']:,} shapes"
    ]
    shares = facts["left_out_share"]
    return lines + [
        f"  {count:,} {reason} ({shares[reason]:.2%})"
        for reason, count in facts["left_out"].items()
    ]
