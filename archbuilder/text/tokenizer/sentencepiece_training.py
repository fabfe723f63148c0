"""Pieces learned from text with the `sentencepiece` library: the same text, the same pieces."""

import io
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.tokenizer import NO_TEXT, VocabularyTooSmallError
from archbuilder.text.vocabulary import DEFAULT_SPECIAL_TOKENS

SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
"""How SentencePiece writes the space before a word."""
LONGEST_WORD = 2**12
"""Letters of the longest word that pieces are learned from; the library skips longer lines."""


def train_sentencepiece(lines: list[str], size: int, **options: Any) -> bytes:
    """A SentencePiece model of `size` pieces, or as many as the text yields.

    Raises `VocabularyTooSmallError` where `size` has no room for the text's characters.
    """
    try:
        return _train(lines, size, **options)
    except RuntimeError as error:
        if "all_chars_count" in str(error):
            raise UserError(NO_TEXT) from error
        if most := re.search(r"value <= (\d+)", str(error)):
            return _train(lines, int(most[1]), **options)
        if least := re.search(r"smaller than required_chars\. \d+ vs (\d+)", str(error)):
            raise VocabularyTooSmallError(
                f"{size} is too small: this text's characters, bytes and "
                f"special tokens alone are {least[1]}"
            ) from error
        raise UserError(f"tokenizer: the sentencepiece library refuses it ({error})") from error


def learn_bpe_pieces(words: Counter[str], size: int, begin: str = SPACE) -> list[str]:
    """At most `size` pieces of counted words by byte-pair encoding, the first merged first.

    Sennrich et al., 2016, section 3.2. A piece that begins a word begins with `begin`: `SPACE`, or
    nothing where words are no different at their beginning. Single characters come last.
    """
    from sentencepiece import SentencePieceProcessor

    counted = [
        f"{word}\t{count}"
        for word, count in sorted(words.items())
        if SPACE not in word and len(word) <= LONGEST_WORD
    ]
    if not counted:
        return []
    model = train_sentencepiece(
        counted,
        size + len(DEFAULT_SPECIAL_TOKENS),
        input_format="tsv",
        model_type="bpe",
        normalization_rule_name="identity",
        add_dummy_prefix=begin == SPACE,
        split_by_unicode_script=False,
        split_by_number=False,
    )
    processor = SentencePieceProcessor(model_proto=model)
    pieces = [
        processor.IdToPiece(place)
        for place in range(len(DEFAULT_SPECIAL_TOKENS), processor.GetPieceSize())
    ]
    return [piece for piece in pieces if piece != SPACE]


def _train(lines: Iterable[str], size: int, **options: Any) -> bytes:
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    padding, unknown, start, end, mask = DEFAULT_SPECIAL_TOKENS
    SentencePieceTrainer.Train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=size,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        pad_piece=padding,
        unk_piece=unknown,
        bos_piece=start,
        eos_piece=end,
        control_symbols=[mask],
        num_threads=1,  # With more, sums of counts would depend on how many there are.
        minloglevel=2,
        max_sentence_length=2**20,
        **options,
    )
    return model.getvalue()
