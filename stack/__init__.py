"""Kafka, Redis and Prometheus as local child processes."""
