"""Rules beside the model: their language, their file, and how they decide about a batch."""
