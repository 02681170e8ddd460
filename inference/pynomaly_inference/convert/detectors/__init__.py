"""One module a detector: its declaration and its graph."""
