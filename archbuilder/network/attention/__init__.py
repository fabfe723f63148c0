"""Attention: each query gathers values by how well their keys match it, where the mask allows.

A file for each kind, and their union.
"""

from archbuilder.network.attention.attention import Attention, AttentionConfig
from archbuilder.network.attention.multi_head import MultiHeadAttentionConfig

AnyAttention = MultiHeadAttentionConfig

__all__ = ["AnyAttention", "Attention", "AttentionConfig"]
