"""Feedback marks as inputs: a stage runs again if the marks of its kind have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.core.files import digest_json
from workbench.intake.feedback.marks import feedback_file, marks_of, read_marks

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["marked"]


def marked(workspace: Workspace, profile: Profile, kind: str) -> dict[str, Any]:
    """Return the digest of the valid marks of one kind; empty if there are none.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile
    kind : str
        ``tag``, ``merge``, ``recommendation`` or ``segment``.
    """
    if feedback_file(workspace, profile.name) is None:
        return {}
    marks = marks_of(read_marks(workspace, profile.name), kind)
    return {f"marked_{kind}s": digest_json(marks)} if marks else {}
