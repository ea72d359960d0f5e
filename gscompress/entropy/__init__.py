"""Decisions to bytes and back: adaptive probabilities and the range coder, readable; cuda/core/codec has the fast ones."""
