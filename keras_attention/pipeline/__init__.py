"""Graphs from text to text, which prediction and export share."""
