"""From text to batches: tokenizers, corpora, the id cache, examples, batches."""
