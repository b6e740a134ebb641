"""Cases that nobody thought of, for the image reader and for the whole API."""
