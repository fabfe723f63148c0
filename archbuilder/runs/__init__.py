"""Run folders, which hold the spec, vocabularies, metrics, checkpoints and best model of a run."""
