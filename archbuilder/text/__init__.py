"""Text data: corpora, tokenizers, the token cache, examples and batches."""
