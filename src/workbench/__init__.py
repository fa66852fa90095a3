"""Customer portrait workbench: from scattered customer facts to portraits that analysts can defend."""

__version__ = "0.1.0"
