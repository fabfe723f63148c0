"""Facts about a spec, its text and its batches before training."""
