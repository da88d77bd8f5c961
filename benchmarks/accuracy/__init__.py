"""Accuracy on public data beside published figures, one module a table."""
