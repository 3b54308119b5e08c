"""Benchmarks that start everything they measure, and stop it."""
