"""Counting on a GPU, by PyTorch or Triton."""
