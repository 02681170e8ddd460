"""From a source to a table to train on, and from a file of rows to a file of scores.

A *scheme* (`local`, `mounts`, `web`) turns a URI into files; a *reader* (`csv_reader`, `ndjson_reader`,
`json_reader`, `parquet_reader`, `xlsx_reader`) turns a file into batches of rows; `table` and `scored` turn batches
into arrays by the same rules.
"""
