"""Attention over the outputs of several encoders."""
