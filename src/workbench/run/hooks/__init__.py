"""Telling others that a run ended: the message, the ways it goes out, retries, and receipts."""
