"""Replaying history into Kafka, and making samples."""
