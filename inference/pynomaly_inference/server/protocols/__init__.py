"""The protocols in which rows are scored: each turns a request into a `Call`, and what was scored into a reply."""
