"""Weights, configurations and tokenizers of pretrained models."""
