"""One change of the schema a module, oldest first; a published one is never edited."""
