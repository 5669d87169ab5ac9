"""Benchmarks against peers and against the machine's ceilings."""
