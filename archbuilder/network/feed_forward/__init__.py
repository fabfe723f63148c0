"""Feed-forward layers, one file for each kind, and their union."""

from typing import Annotated

from pydantic import Field

from archbuilder.network.feed_forward.feed_forward import FeedForward, FeedForwardConfig
from archbuilder.network.feed_forward.mixture_of_experts import (
    LOAD_BALANCING,
    MixtureOfExpertsConfig,
    load_balancing_loss,
)
from archbuilder.network.feed_forward.mlp import GatedConfig, MlpConfig

AnyFeedForward = Annotated[
    MlpConfig | GatedConfig | MixtureOfExpertsConfig, Field(discriminator="type")
]

__all__ = [
    "LOAD_BALANCING",
    "AnyFeedForward",
    "FeedForward",
    "FeedForwardConfig",
    "GatedConfig",
    "MixtureOfExpertsConfig",
    "MlpConfig",
    "load_balancing_loss",
]
