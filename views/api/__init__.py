"""The HTTP API: endpoints, what may be asked, and who may ask."""
