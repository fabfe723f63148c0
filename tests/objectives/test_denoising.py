"""Denoising: what it needs of a tokenizer."""

from types import SimpleNamespace

import pytest

from archbuilder.errors import UserError
from archbuilder.objectives.denoising import Denoising


def test_a_tokenizer_without_a_mask_is_refused():
    with pytest.raises(UserError, match="denoising: needs a tokenizer with a mask token"):
        Denoising(type="denoising").check_vocabulary(SimpleNamespace(mask_id=None))
