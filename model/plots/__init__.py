"""The pictures of a model card."""
