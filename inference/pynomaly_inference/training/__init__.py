"""From a resource to a proven model file."""
