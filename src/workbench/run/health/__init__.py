"""Doctor checks of an installation and its workspace; each passes or names the command that fixes it."""
