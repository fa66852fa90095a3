"""Pure functions, frames in and frames out: no paths, no plots, no tracking."""
