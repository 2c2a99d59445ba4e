"""Drift of features and scores."""
