"""Reading training data: where it lies, how it is written, which columns count."""
