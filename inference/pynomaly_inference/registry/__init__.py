"""The registry: the durable record of every model that was trained, kept by its detector's UID."""
