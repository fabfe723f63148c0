"""Experiment trackers, which log the metrics of a run in addition to its metrics log."""

from typing import Annotated

from pydantic import AfterValidator, Field

from archbuilder.tracking.mlflow import MLflow
from archbuilder.tracking.tensorboard import TensorBoard
from archbuilder.tracking.tracker import BaseTracker
from archbuilder.tracking.wandb import WeightsAndBiases


def _different_types(trackers: tuple[BaseTracker, ...]) -> tuple[BaseTracker, ...]:
    types = [tracker.library for tracker in trackers]
    repeated = next((name for index, name in enumerate(types) if name in types[:index]), None)
    if repeated is not None:
        raise ValueError(f"{repeated} is listed twice; list each tracker at most once")
    return trackers


Tracker = Annotated[TensorBoard | MLflow | WeightsAndBiases, Field(discriminator="type")]

Trackers = Annotated[tuple[Tracker, ...], AfterValidator(_different_types)]

__all__ = ["MLflow", "TensorBoard", "Tracker", "Trackers", "WeightsAndBiases"]
