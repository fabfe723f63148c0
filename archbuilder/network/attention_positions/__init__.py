"""Positions within attention, one file for each type, and their union.

The layers of a stack may have different ones.
"""

from typing import Annotated

from pydantic import Field

from archbuilder.network.attention_positions.alibi import AlibiConfig
from archbuilder.network.attention_positions.attention_position import (
    AttentionPosition,
    AttentionPositionConfig,
    PositionRequest,
)
from archbuilder.network.attention_positions.rotary import RotaryConfig
from archbuilder.network.attention_positions.shaw import ShawConfig
from archbuilder.network.attention_positions.t5 import T5BucketsConfig

AnyAttentionPosition = Annotated[
    ShawConfig | T5BucketsConfig | RotaryConfig | AlibiConfig, Field(discriminator="type")
]

__all__ = [
    "AnyAttentionPosition",
    "AttentionPosition",
    "AttentionPositionConfig",
    "PositionRequest",
]
