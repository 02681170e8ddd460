"""FastAPI's routes, by subject."""
