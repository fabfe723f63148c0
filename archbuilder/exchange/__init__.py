"""Saved models out: written, loaded again in their own runtime, and compared."""
