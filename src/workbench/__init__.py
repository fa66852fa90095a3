"""Customer portrait workbench: from scattered customer facts to portraits that analysts can defend."""

PACKAGE = "customer-portrait-workbench"  # as it is installed

__all__ = ["PACKAGE", "__version__", "start"]


def __getattr__(name: str) -> object:
    """Import ``start`` late, so that importing an analysis imports no runner; read the version when it is needed."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version(PACKAGE)
    if name == "start":
        from workbench.run.stages.stage import start  # noqa: PLC0415

        return start
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
