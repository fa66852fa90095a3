"""Customer portrait workbench: from scattered customer facts to portraits that analysts can defend."""

__version__ = "0.1.0"

__all__ = ["__version__", "start"]


def __getattr__(name: str) -> object:
    """Look ``start`` up late, so that importing an analysis imports no runner."""
    if name == "start":
        from workbench.run.stages.stage import start  # noqa: PLC0415

        return start
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
