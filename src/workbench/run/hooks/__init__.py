"""Notify others that a run ended: messages, delivery by webhook, mail, file or program, retries, receipts."""
