"""Pure: what a detector's children must be. No I/O, no clock, no randomness: equal input, equal manifests."""
