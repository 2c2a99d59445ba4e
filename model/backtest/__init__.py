"""Deciding about past events in two ways."""
