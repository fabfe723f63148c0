"""The training recipe: optimizer, learning rate, precision and distribution."""
