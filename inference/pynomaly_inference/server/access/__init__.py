"""Who asks, and what for."""
