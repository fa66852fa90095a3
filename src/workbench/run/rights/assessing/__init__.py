"""The generated record of processing and impact assessment."""
