"""Model files behind HTTP."""
