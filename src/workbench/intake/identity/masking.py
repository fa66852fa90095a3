"""Mask contact values for pages: recognisable to people who know them, but useless for contact."""

from __future__ import annotations

__all__ = ["mask"]

STARS = "****"
_PHONE_ENDS = (3, 4)


def mask(value: str | None, kind: str) -> str:
    """Mask a contact value.

    Parameters
    ----------
    value : str or None
    kind : str
        phone, email, document, member; else a word such as a name, whose first character stays.

    Examples
    --------
    >>> mask("8613812345678", "phone"), mask("li@qq.com", "email"), mask("张伟", "name")
    ('138****5678', 'l****@qq.com', '张*')
    """
    if not value:
        return ""
    if kind == "phone":
        bare = value.removeprefix("86") if len(value) == 13 else value  # noqa: PLR2004  (a mobile with its country)
        return f"{bare[: _PHONE_ENDS[0]]}{STARS}{bare[-_PHONE_ENDS[1] :]}" if len(bare) > 9 else f"{STARS}{bare[-2:]}"  # noqa: PLR2004
    if kind == "email":
        name, _, host = value.partition("@")
        return f"{name[:1]}{STARS}@{host}"
    if kind in ("document", "member"):
        return f"{value[:1]}{STARS}{value[-1:]}"
    return f"{value[:1]}*"
