"""Deterministic training of subword pieces with the `sentencepiece` library."""

import io
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.tokenizer import NO_TEXT, VocabularyTooSmallError
from archbuilder.text.vocabulary import DEFAULT_SPECIAL_TOKENS

SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
"""Character with which SentencePiece replaces the space before a word."""
MAX_WORD_CHARACTERS = 2**12
"""Maximum length of a word that pieces are learned from; the library skips longer lines."""


def train_sentencepiece(lines: list[str], size: int, **options: Any) -> bytes:
    """Return a trained SentencePiece model.

    Args:
        lines: The training text.
        size: Number of pieces; the model has fewer if the text does not yield as many.
        **options: More options of the library's trainer.

    Returns:
        The content of the model file.

    Raises:
        VocabularyTooSmallError: `size` is smaller than the number of required pieces.
        UserError: The text is empty, or the training failed for another reason.
    """
    try:
        return _train(lines, size, **options)
    except RuntimeError as error:
        if "all_chars_count" in str(error):
            raise UserError(NO_TEXT) from error
        if maximum := re.search(r"value <= (\d+)", str(error)):
            return _train(lines, int(maximum[1]), **options)
        if minimum := re.search(r"smaller than required_chars\. \d+ vs (\d+)", str(error)):
            raise VocabularyTooSmallError(
                f"{size} is too small; the characters of the text, bytes and special tokens alone "
                f"require {minimum[1]}"
            ) from error
        raise UserError(f"tokenizer: SentencePiece training failed: {error}") from error


def learn_bpe_pieces(words: Counter[str], size: int, word_prefix: str = SPACE) -> list[str]:
    """Return the pieces that byte-pair encoding learns from words, in the order of learning.

    Single characters come last. Sennrich et al., 2016, section 3.2.

    Args:
        words: The count of each word.
        size: Maximum number of pieces.
        word_prefix: The start of a piece that starts a word: `SPACE`, or "" if pieces at the start
            of a word are not distinguished. Default: `SPACE`.
    """
    from sentencepiece import SentencePieceProcessor

    counted = [
        f"{word}\t{count}"
        for word, count in sorted(words.items())
        if SPACE not in word and len(word) <= MAX_WORD_CHARACTERS
    ]
    if not counted:
        return []
    model = train_sentencepiece(
        counted,
        size + len(DEFAULT_SPECIAL_TOKENS),
        input_format="tsv",
        model_type="bpe",
        normalization_rule_name="identity",
        add_dummy_prefix=word_prefix == SPACE,
        split_by_unicode_script=False,
        split_by_number=False,
    )
    processor = SentencePieceProcessor(model_proto=model)
    pieces = [
        processor.IdToPiece(i) for i in range(len(DEFAULT_SPECIAL_TOKENS), processor.GetPieceSize())
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
        num_threads=1,  # With several threads, sums of counts depend on their number.
        minloglevel=2,
        max_sentence_length=2**20,
        **options,
    )
    return model.getvalue()
