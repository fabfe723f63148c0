"""Import of pretrained models, and verified export to other formats."""
