"""The process: sockets, workers, uvicorn and its connections."""
