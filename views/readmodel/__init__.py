"""The read model in Redis: what follows the topics, and what answers from it."""
