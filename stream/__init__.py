"""The worker: Kafka in, state, score, decide, Kafka out."""
