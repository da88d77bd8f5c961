"""Configuration files and messages, read and checked."""
