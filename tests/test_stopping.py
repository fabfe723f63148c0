"""Signals: the first requests a stop, the second interrupts; other threads ignore them."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from archbuilder.stopping import StopRequest


def test_first_signal_requests_a_stop_and_second_interrupts():
    before = signal.getsignal(signal.SIGINT)
    with StopRequest() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_signal_handlers_are_unchanged_outside_main_thread():
    def enter():
        with StopRequest() as stop:
            return stop.is_requested, signal.getsignal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(enter).result() == (False, before)
