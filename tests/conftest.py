"""Fixtures of all tests: a temporary token cache."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def _temporary_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARCHBUILDER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
