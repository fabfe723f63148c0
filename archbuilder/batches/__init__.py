"""Batches: sampling, collation, padding, and the training data of a spec."""
