"""A file as a store: the same answers without Kafka and Redis."""
