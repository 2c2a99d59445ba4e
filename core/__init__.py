"""Names, settings, errors, logging and message schemas. No logic; imports nothing of ours."""
