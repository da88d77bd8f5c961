"""Vocabulary selection: a search over some tokens instead of all."""
