"""The service: suggestions over HTTP and WebSocket, for many programs and people at once."""
