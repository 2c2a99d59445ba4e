"""The views: a read model of the stream's outcomes, an HTTP API and a page over it."""
