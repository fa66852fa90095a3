"""A profile as one stage may read it: the parameters it declares, and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.core.errors import Fault, StageError

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.section import Section
    from workbench.core.stages.stage import Stage

__all__ = ["borrowed", "declared_profile", "recorded_profile"]

_LIMITS = ("stages", "also", "memory_limit_gb", "threads")  # of run: how a stage runs, never what it computes


def borrowed(profile: Profile, stage: Stage, also: Iterable[str] = ()) -> dict[str, Any]:
    """Return the parameters of other sections that a stage reads, by ``section.key``, as JSON holds them.

    Parameters
    ----------
    profile : Profile
    stage : Stage
    also : iterable of str
        Those that a notebook of one's own read at its last run; one of a section that is no more has no value.
    """
    values = {}
    for name in sorted({*stage.borrows, *also}):
        section, _, key = name.partition(".")
        model = profile.run if section == "run" else profile.sections.get(section)
        values[name] = model.model_dump(mode="json", include={key}).get(key) if model else None
    return values


def declared_profile(profile: Profile, stage: Stage) -> Profile:
    """Return the profile as a stage may read it.

    Parameters
    ----------
    profile : Profile
    stage : Stage
        Its own section is open, of others what ``borrows`` names.

    Returns
    -------
    Profile
        Reading any other parameter raises `workbench.core.errors.StageError`.
    """
    sections = _Sections(profile.sections, stage)
    run = _Declared(profile.run, "run", stage.name, {*_LIMITS, *_keys(stage, "run")})
    return replace(profile, sections=sections, run=run)


def recorded_profile(profile: Profile, stage: str, note: Callable[[str], None]) -> Profile:
    """Return the profile as a notebook of one's own may read it: every parameter, each told as it is read.

    Parameters
    ----------
    profile : Profile
    stage : str
        Its own section is in its key as a whole, so what it reads there is not told.
    note : callable
        Called with ``section.key``.
    """
    sections = {name: one if name == stage else _Told(one, name, note) for name, one in profile.sections.items()}
    return replace(profile, sections=sections, run=_Told(profile.run, "run", note))


def _keys(stage: Stage, section: str) -> set[str]:
    names = (name.partition(".") for name in stage.borrows)
    return {key for owner, _, key in names if owner == section}


class _Sections(Mapping):
    """Sections by stage, each open as far as the stage declares."""

    def __init__(self, sections: Mapping[str, Section], stage: Stage):
        self._sections, self._stage = sections, stage

    def __getitem__(self, name: str) -> Any:
        section = self._sections[name]
        if name == self._stage.name:
            return section
        return _Declared(section, name, self._stage.name, _keys(self._stage, name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._sections)

    def __len__(self) -> int:
        return len(self._sections)


class _Declared:
    """A section of which some parameters may be read."""

    def __init__(self, section: Section, name: str, stage: str, open_keys: set[str]):
        self._section, self._name, self._stage, self._open = section, name, stage, open_keys

    def __getattr__(self, key: str) -> Any:
        if key in type(self._section).model_fields and key not in self._open:
            found = f"reads the parameter {self._name}.{key}, which it does not declare"
            remedy = f"Add '{self._name}.{key}' to borrows in its declaration under core/stages"
            raise StageError(Fault(self._stage, found, "", remedy))
        return getattr(self._section, key)


class _Told:
    """A section that tells which parameters are read."""

    def __init__(self, section: Section, name: str, note: Callable[[str], None]):
        self._section, self._name, self._note = section, name, note

    def __getattr__(self, key: str) -> Any:
        if key in type(self._section).model_fields and (self._name, key) not in {("run", each) for each in _LIMITS}:
            self._note(f"{self._name}.{key}")
        return getattr(self._section, key)
