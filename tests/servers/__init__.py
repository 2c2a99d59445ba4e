"""Servers of the tests' own, which can be killed and frozen, and proxies on the way to them."""
