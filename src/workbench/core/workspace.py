"""The workspace folder and every path in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from workbench.core.errors import Fault, ProfileError

__all__ = ["PEOPLE", "Workspace", "find_workspace"]

PEOPLE = "people"  # folder of a report with all files that identify single customers
_LONGEST_NAME_BYTES = 255


@dataclass(frozen=True)
class Workspace:
    """The folder that contains ``params/``, and the paths below it.

    Parameters
    ----------
    root : Path
        An absolute, resolved path.
    scratch : str
        Name of a scratch area. Tables, runs and private files of a profile are then written to
        ``data/interim/<profile>/scratch/<name>`` and nothing is published. Empty: results are published.
    """

    root: Path
    scratch: str = ""

    @property
    def params(self) -> Path:
        """Profiles, one YAML each."""
        return self.root / "params"

    @property
    def notebooks(self) -> Path:
        """Notebook templates."""
        return self.root / "notebooks"

    @property
    def raw(self) -> Path:
        """Raw files, never edited."""
        return self.root / "data" / "raw"

    @property
    def tracking(self) -> Path:
        """The folder of the tracking store and its artifacts."""
        return self.root / "mlruns"

    @property
    def lock(self) -> Path:
        """The lock file: one run holds it at a time."""
        return self.root / ".workbench" / "lock"

    def interim(self, profile: str) -> Path:
        """Return the folder of a profile's private intermediate files."""
        return self._scratch(profile) / "interim" if self.scratch else self.root / "data" / "interim" / profile

    def processed(self, profile: str) -> Path:
        """Return the folder of a profile's tables."""
        return self._scratch(profile) if self.scratch else self.root / "data" / "processed" / profile

    def reports(self, profile: str) -> Path:
        """Return the folder of a profile's runs: one folder per run, and ``latest``."""
        return self._scratch(profile) / "reports" if self.scratch else self.root / "reports" / profile

    def _scratch(self, profile: str) -> Path:
        return self.root / "data" / "interim" / profile / "scratch" / self.scratch

    def relative(self, path: Path) -> str:
        """Return a path relative to the workspace, with forward slashes."""
        return path.absolute().relative_to(self.root).as_posix()

    def resolve(self, text: str) -> Path:
        """Return the absolute path for a path in a profile; a path outside the workspace is an error.

        Raises
        ------
        ProfileError
            When the path is empty, absolute, starts with ``~``, contains a NUL, or resolves to a path outside the
            workspace.
        """
        expected = f"a path inside the workspace {self.root.name}/"
        if not text.strip("./ ") or "\0" in text or text.startswith(("~", "/")) or not _can_be_matched(text):
            raise ProfileError(Fault("", f"path {text!r} cannot be used", f"Expected {expected}"))
        fixed = re.split(r"[*?\[]", text, maxsplit=1)[0]
        paths = [self.root / fixed, *self.root.glob(text)]
        if ".." in Path(text).parts or not all(path.resolve().is_relative_to(self.root) for path in paths):
            remedy = "Put the file under data/raw and name it from there"
            raise ProfileError(Fault("", f"path {text!r} leads outside", f"Expected {expected}", remedy))
        return self.root / text


def _can_be_matched(text: str) -> bool:
    """Return whether every part of a path can be a file name or a pattern for file names."""
    parts = Path(text).parts
    return all(part == "**" or ("**" not in part and len(part.encode()) <= _LONGEST_NAME_BYTES) for part in parts)


def find_workspace(start: Path | str | None = None) -> Workspace:
    """Find the workspace: this folder, or the nearest parent folder, that has ``params/``.

    Parameters
    ----------
    start : Path or str, optional
        Folder to start from; default: the current folder.

    Raises
    ------
    ProfileError
        When neither the folder nor a parent folder has ``params/``.
    """
    origin = Path(start or ".").resolve()
    for folder in (origin, *origin.parents):
        if (folder / "params").is_dir():
            return Workspace(folder)
    raise ProfileError(
        Fault(
            str(start or "."),
            "no params/ in this folder or any above it",
            "A workspace holds params/, notebooks/, data/ and reports/",
            "Run the command inside one, or name it with --workspace DIR",
        )
    )
