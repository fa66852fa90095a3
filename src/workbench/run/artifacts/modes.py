"""File permissions: only the owner may read; a group may also read the report and the stage pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import Fault, ProfileError

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["PAGES", "close_to_others", "find_group", "open_to_group", "share_folders"]

PAGES = ("report*.html", "details*.html", "pages/*.html")  # files of a run that a group may read
_FOLDER, _FILE, _SHARED_FOLDER, _SHARED_FILE = 0o700, 0o600, 0o750, 0o640
_PRIVATE = (".workbench", "mlruns", "reports", "data/interim", "data/processed")


def close_to_others(workspace: Workspace) -> None:
    """Remove the access of other users to the folders that the workbench fills.

    New folders are private. An open folder, from an earlier version or a copy, is closed with all its content.
    """
    for name in _PRIVATE:
        folder = workspace.root / name
        if folder.is_dir() and folder.stat().st_mode & 0o027:
            for path in (folder, *_below(folder)):
                path.chmod(_FOLDER if path.is_dir() else _FILE)


def _below(folder: Path) -> Iterator[Path]:
    """Yield every folder and file below a folder, except links."""
    for root, folders, files in os.walk(folder):
        paths = (Path(root) / name for name in (*folders, *files))
        yield from (path for path in paths if not path.is_symlink())


def find_group(profile: Profile) -> int | None:
    """Return the id of the group that may read the report; None if the profile names none.

    Raises
    ------
    ProfileError
        There is no such group, or this user is not in it.
    """
    name = profile.share.group
    if not name:
        return None
    import grp  # noqa: PLC0415  (not on every system)

    where = profile.where("share", "group")
    try:
        group = grp.getgrnam(name)
    except KeyError:
        remedy = "Ask whoever keeps this machine to add it"
        raise ProfileError(Fault(where, f"no group '{name}'", "A group of this system", remedy)) from None
    if os.geteuid() != 0 and group.gr_gid not in (*os.getgroups(), os.getegid()):
        expected = "A group that you are in: only then may you give files to it"
        raise ProfileError(Fault(where, f"you are not in the group '{name}'", expected))
    return group.gr_gid


def open_to_group(run: Path, group: int | None) -> None:
    """Let a group read the report and the stage pages of a run; everything else stays private."""
    if group is None:
        return
    for path in (run, run / "pages"):
        if path.is_dir():
            _give(path, group, _SHARED_FOLDER)
    for path in (path for pattern in PAGES for path in run.glob(pattern)):
        _give(path, group, _SHARED_FILE)


def share_folders(workspace: Workspace, profile: Profile, group: int | None) -> None:
    """Let a group enter the report folders of a profile, or close them if the report is not shared.

    Raises
    ------
    ProfileError
        Another group may already see the reports of this workspace.
    """
    home = workspace.reports(profile.name)
    if workspace.scratch or not home.is_dir():
        return
    if group is None:
        home.chmod(_FOLDER)
        return
    top = home.parent
    if top.stat().st_mode & 0o070 and top.stat().st_gid != group:
        import grp  # noqa: PLC0415

        other = grp.getgrgid(top.stat().st_gid).gr_name
        remedy = f"Name '{other}' here too, or keep this profile in a workspace of its own"
        where = profile.where("share", "group")
        raise ProfileError(Fault(where, f"the reports here are shared with '{other}'", "One group a workspace", remedy))
    for folder in (top, home):
        _give(folder, group, _SHARED_FOLDER)


def _give(path: Path, group: int, mode: int) -> None:
    os.chown(path, -1, group)
    path.chmod(mode)
