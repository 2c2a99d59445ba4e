"""Benchmarks: code with a baseline in the same run, and a results file that is compared."""
