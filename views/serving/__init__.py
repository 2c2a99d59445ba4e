"""API and page as one application, and the server that answers with it."""
