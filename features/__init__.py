"""What an event is, what is known of its past, and how to read it: the same offline and online."""
