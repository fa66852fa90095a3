"""What the results say: one module per stage, frames in, findings out."""
