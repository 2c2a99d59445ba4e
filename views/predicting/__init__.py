"""What is asked of the model: scores of events that are sent in."""
