"""Run folders: the files of a run, its checkpoints, and what may be resumed."""
