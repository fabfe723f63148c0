"""Tests of the cache of encoded chunks."""

from archbuilder.text.tokenizer import encoding_cache
from archbuilder.text.tokenizer.encoding_cache import EncodingCache


def letter_codes(encoded):
    """Return an encoder of words as code points, which adds each word to the list `encoded`."""

    def encode(words):
        encoded.extend(words)
        return [[ord(letter) for letter in word] for word in words]

    return encode


def test_each_chunk_is_encoded_once():
    encoded = []
    cache = EncodingCache(str.split, letter_codes(encoded))
    for lines in (["ab c ab", "", "c"], ["c ab", "d"]):
        ids, counts = cache.arrays(lines)
        assert ids.tolist() == [ord(letter) for line in lines for letter in line if letter != " "]
        assert counts.tolist() == [len(line.replace(" ", "")) for line in lines]
    assert sorted(encoded) == ["ab", "c", "d"]


def test_the_cache_is_cleared_at_its_maximum_size(monkeypatch):
    monkeypatch.setattr(encoding_cache, "MAX_CHARACTERS", 3)
    encoded = []
    cache = EncodingCache(str.split, letter_codes(encoded))
    for _ in range(2):
        assert cache.arrays(["ab cd ab cd"])[0].tolist() == [97, 98, 99, 100] * 2
    assert sorted(encoded) == ["ab", "ab", "cd", "cd"]


def test_lines_of_rarely_repeated_words_are_encoded_whole():
    encoded = []
    cache = EncodingCache(str.split, letter_codes(encoded))
    for lines in (["ab", "cd", "ab"], ["ab", "ef"]):
        ids, counts = cache.arrays(lines)
        assert ids.tolist() == [ord(letter) for line in lines for letter in line]
        assert counts.tolist() == [2] * len(lines)
    assert encoded == ["ab", "cd", "ab", "ab", "ef"]
