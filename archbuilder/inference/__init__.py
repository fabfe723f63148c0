"""Predictions of a trained model: tasks that fill masks, embed or translate lines of text."""
