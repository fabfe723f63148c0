"""What `keras.Model.fit` needs to train as a spec says: data, losses and an optimizer."""
