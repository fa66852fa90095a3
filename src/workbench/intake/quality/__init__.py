"""Quality of the raw data: records, checks, suspicious values, and what changed since the last run."""
