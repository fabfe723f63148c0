"""Lines tokenised by their words have the very ids that they have as a whole."""

import random
import sys

import numpy as np
import pytest

from archbuilder.text.tokenizer import WordPiece, word_memory

TEXT = [
    "The quick brown fox's (lazy) dog-house, 3.5%!",
    "  spaces \t tabs\u00a0no-break\u2003em \u3000wide  ",
    "a\x0bb c\x0cd e\x1cf\x1fg h\x85i j\x00k l\ufffdm n\u2028o p\u2029q",
    "Zürich cafe\u0301 \u0301alone İstanbul ﬁne ẞ",
    "机器学习 很 有趣 ab机cd",
    "مرحبا بالعالم, שלום \u200fעולם\u200e",
    "emoji 😀 👩‍👩‍👧 zero\u200bwidth soft\u00adhyphen",
    "",
    " ",
    "[MASK] [CLS] [sep]",
    "x" * 150 + " y",
]


def noise(seed):
    draw = random.Random(seed)
    letters = [*map(chr, range(0x250)), *" \t\u2028\u3000\u0301 a b c" * 20]
    letters += [chr(draw.randrange(sys.maxunicode)) for _ in range(300)]
    letters = [letter for letter in letters if not "\ud800" <= letter <= "\udfff"]
    return ["".join(draw.choices(letters, k=draw.randrange(60))) for _ in range(300)]


@pytest.mark.parametrize("lowercase", [True, False])
def test_ids_are_those_of_the_whole_line(lowercase):
    vocabulary = WordPiece(type="wordpiece", lowercase=lowercase).train(TEXT * 3, 400)
    for lines in (TEXT, noise(0), noise(1)):
        ids, lengths = vocabulary.encode_arrays(lines)
        expected = vocabulary.encode(lines)
        assert lengths.tolist() == [len(line) for line in expected]
        assert ids.tolist() == [i for line in expected for i in line]


def test_a_word_is_cut_once():
    seen = []

    def encode(words):
        seen.extend(words)
        return [[len(word)] for word in words]

    memory = word_memory.WordMemory(encode)
    for _ in range(2):
        ids, lengths = memory.arrays(["a bc a", "bc"])
        assert (ids.tolist(), lengths.tolist()) == ([1, 2, 1, 2], [3, 1])
    assert sorted(seen) == ["a", "bc"]


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(word_memory, "MOST", 5)
    memory = word_memory.WordMemory(lambda words: [[len(word)] for word in words])
    for number in range(50):
        ids, _ = memory.arrays([f"{number} {number + 1}"])
        assert len(ids) == 2
        assert len(memory._ids) <= 5 + 2


def test_no_lines_are_no_ids():
    ids, lengths = word_memory.WordMemory(lambda words: []).arrays([])
    assert (ids.dtype, lengths.dtype) == (np.dtype("int32"), np.dtype("int64"))
    assert len(ids) == len(lengths) == 0
