"""Quality of the raw data: records, checks, suspicious values, changes since the last run."""
