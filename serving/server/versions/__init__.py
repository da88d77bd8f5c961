"""Model versions: found, loaded, warmed up, swapped while running, let go."""
