"""Training: the recipe as data, batches into steps, and what a run leaves behind."""
