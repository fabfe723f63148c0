"""Denoising: what it needs of a tokenizer."""

from types import SimpleNamespace

import pytest

from archbuilder.mistake import UserMistake
from archbuilder.objectives.denoising import Denoising


def test_a_tokenizer_without_a_mask_is_refused():
    with pytest.raises(UserMistake, match="denoising: the tokenizer has no mask token"):
        Denoising(type="denoising").check_vocabulary(SimpleNamespace(mask_id=None))
