"""Write options of Parquet files."""

from __future__ import annotations

__all__ = ["PARQUET"]

PARQUET = {  # smaller files, written faster than with the defaults of the engine
    "row_group_size": 122_880, "compression": "zstd", "parquet_version": "V2", "dictionary_size_limit": 8192,
    "write_bloom_filter": False,  # whole columns are read
}  # fmt: skip
