"""Models in the layout of Hugging Face's `transformers`: what is called how there."""
