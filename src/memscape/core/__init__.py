"""Spaces, results, errors, random numbers, files, progress, cards: nothing here knows a room."""
