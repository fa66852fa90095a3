"""Commands about a profile before it runs: check, new, new-stage, params."""
