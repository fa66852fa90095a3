"""A profile restricted to the parameters that one stage may read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.core.errors import Fault, StageError

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.section import Section
    from workbench.core.stages.stage import Stage

__all__ = ["borrowed", "declared_profile", "recorded_profile", "shared_section"]

_LIMITS = ("stages", "also", "memory_limit_gb", "threads")  # keys of run that do not change results


def borrowed(profile: Profile, stage: Stage, also: Iterable[str] = ()) -> dict[str, Any]:
    """Return the parameters of other sections that a stage reads, as JSON values by ``section.key``.

    Parameters
    ----------
    profile : Profile
    stage : Stage
    also : iterable of str
        Parameters that an own notebook read in its last run; the value is None if the section no longer exists.
    """
    values = {}
    for name in sorted({*stage.borrows, *also}):
        section, _, key = name.partition(".")
        model = shared_section(profile, section) or profile.sections.get(section)
        values[name] = model.model_dump(mode="json", include={key}).get(key) if model else None
    return values


def shared_section(profile: Profile, name: str) -> Any:
    """Return the section ``run`` or ``consent``, which belong to no stage; None for any other name."""
    return {"run": profile.run, "consent": profile.consent}.get(name)


def declared_profile(profile: Profile, stage: Stage) -> Profile:
    """Return the profile as a stage may read it.

    Parameters
    ----------
    profile : Profile
    stage : Stage
        The stage may read its own section, and the keys of other sections listed in ``borrows``.

    Returns
    -------
    Profile
        Reading any other parameter raises `workbench.core.errors.StageError`.
    """
    sections = _Sections(profile.sections, stage)
    run: Any = _Restricted(profile.run, "run", stage.name, {*_LIMITS, *_keys(stage, "run")})
    return replace(profile, sections=sections, run=run)


def recorded_profile(profile: Profile, stage: str, note: Callable[[str], None]) -> Profile:
    """Return the profile for an own notebook, which may read every parameter; each read is reported to ``note``.

    Parameters
    ----------
    profile : Profile
    stage : str
        Reads of the stage's own section are not reported, since its cache key includes the whole section.
    note : callable
        Called with ``section.key``.
    """
    sections: dict[str, Any] = {
        name: section if name == stage else _Recorded(section, name, note) for name, section in profile.sections.items()
    }
    run: Any = _Recorded(profile.run, "run", note)
    return replace(profile, sections=sections, run=run)


def _keys(stage: Stage, section: str) -> set[str]:
    names = (name.partition(".") for name in stage.borrows)
    return {key for owner, _, key in names if owner == section}


class _Sections(Mapping):
    """Sections by stage, each restricted to what the stage declares."""

    def __init__(self, sections: Mapping[str, Section], stage: Stage):
        self._sections, self._stage = sections, stage

    def __getitem__(self, name: str) -> Any:
        section = self._sections[name]
        if name == self._stage.name:
            return section
        return _Restricted(section, name, self._stage.name, _keys(self._stage, name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._sections)

    def __len__(self) -> int:
        return len(self._sections)


class _Restricted:
    """A section in which only some parameters may be read."""

    def __init__(self, section: Section, name: str, stage: str, open_keys: set[str]):
        self._section, self._name, self._stage, self._open = section, name, stage, open_keys

    def __getattr__(self, key: str) -> Any:
        if key in type(self._section).model_fields and key not in self._open:
            problem = f"reads the parameter {self._name}.{key}, which it does not declare"
            remedy = f"Add '{self._name}.{key}' to borrows in its declaration under core/stages"
            raise StageError(Fault(self._stage, problem, "", remedy))
        return getattr(self._section, key)


class _Recorded:
    """A section that reports which parameters are read."""

    def __init__(self, section: Section, name: str, note: Callable[[str], None]):
        self._section, self._name, self._note = section, name, note

    def __getattr__(self, key: str) -> Any:
        if key in type(self._section).model_fields and not (self._name == "run" and key in _LIMITS):
            self._note(f"{self._name}.{key}")
        return getattr(self._section, key)
