"""Each engine, on one device and on several, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("engine", "speed"),
    [
        ("tensorflow", "not slow"),
        ("jax", "not slow"),
        pytest.param("jax", "slow", marks=pytest.mark.slow),
    ],
)
def test_every_case_holds(engine, speed):
    cases = Path(__file__).with_name("cases.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", speed]
    environment = os.environ | {"KERAS_BACKEND": engine}
    done = subprocess.run([*command, str(cases)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
