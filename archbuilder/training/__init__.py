"""Training: the recipe, the backends, the training loop and `keras.Model.fit`."""
