"""Chunks that were seen before."""

from archbuilder.text.tokenizer import encoding_cache as chunks
from archbuilder.text.tokenizer.encoding_cache import EncodingCache


def lengths(asked):
    """An encoder that gives a word its letters' codes, and notes what it was asked."""

    def encode(words):
        asked.extend(words)
        return [[ord(letter) for letter in word] for word in words]

    return encode


def test_each_chunk_is_worked_out_once():
    asked = []
    remembered = EncodingCache(str.split, lengths(asked))
    for lines in (["ab c ab", "", "c"], ["c ab", "d"]):
        ids, counts = remembered.arrays(lines)
        assert ids.tolist() == [ord(letter) for line in lines for letter in line if letter != " "]
        assert counts.tolist() == [len(line.replace(" ", "")) for line in lines]
    assert sorted(asked) == ["ab", "c", "d"]


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(chunks, "MOST", 3)
    asked = []
    remembered = EncodingCache(str.split, lengths(asked))
    for _ in range(2):
        assert remembered.arrays(["ab cd ab cd"])[0].tolist() == [97, 98, 99, 100] * 2
    assert sorted(asked) == ["ab", "ab", "cd", "cd"]


def test_lines_of_words_that_seldom_come_again_are_encoded_whole():
    asked = []
    remembered = EncodingCache(str.split, lengths(asked))
    for lines in (["ab", "cd", "ab"], ["ab", "ef"]):
        ids, counts = remembered.arrays(lines)
        assert ids.tolist() == [ord(letter) for line in lines for letter in line]
        assert counts.tolist() == [2] * len(lines)
    assert asked == ["ab", "cd", "ab", "ab", "ef"]
