"""What a spec amounts to, seen before anything is built."""
