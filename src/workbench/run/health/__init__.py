"""The doctor: each part of an installation and its workspace, sound or to be fixed by a command."""
