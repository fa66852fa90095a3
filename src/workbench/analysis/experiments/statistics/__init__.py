"""The statistics of a comparison: samples, effects, adjustment, intervals for many looks, many tests."""
