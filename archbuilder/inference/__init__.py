"""Using a trained model: filling masks, and writing targets from sources."""
