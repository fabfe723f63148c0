"""Fixtures of all tests: a temporary token cache, and a record of messages if one is asked for."""

import os
from pathlib import Path

import pytest

from tests.messages import VARIABLE, Recorder


@pytest.fixture(autouse=True, scope="session")
def _temporary_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARCHBUILDER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _recorded_messages():
    folder = os.environ.get(VARIABLE)
    recorder = Recorder() if folder else None
    yield recorder
    if recorder is not None:
        recorder.save(Path(folder).absolute())


@pytest.fixture
def unrecorded(_recorded_messages):
    """Messages about random input, which the list does not contain."""
    if _recorded_messages is not None:
        _recorded_messages.is_paused = True
    yield
    if _recorded_messages is not None:
        _recorded_messages.is_paused = False
