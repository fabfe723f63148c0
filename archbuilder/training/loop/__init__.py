"""The training loop: setup, steps, evaluation, checkpoints and reporting."""
