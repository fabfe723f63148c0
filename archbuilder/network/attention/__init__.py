"""Attention layers, one file for each type, and their union."""

from archbuilder.network.attention.attention import Attention, AttentionConfig
from archbuilder.network.attention.multi_head import MultiHeadAttentionConfig

AnyAttention = MultiHeadAttentionConfig

__all__ = ["AnyAttention", "Attention", "AttentionConfig"]
