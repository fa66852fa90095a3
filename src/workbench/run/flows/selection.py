"""The options of a flow, and the stages they select."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.core.errors import Fault, ProfileError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.core.params.profile import Profile

__all__ = ["FlowOptions", "batches", "select_stages"]


@dataclass(frozen=True)
class FlowOptions:
    """The options that the command line passes to a flow.

    Attributes
    ----------
    only, first, last : str or None
        Run one stage only, or start or end with a stage.
    force : bool
        Also run stages that are up to date.
    settings : tuple of str
        ``SECTION.KEY=VALUE`` overrides.
    as_of : str or None
    """

    only: str | None = None
    first: str | None = None
    last: str | None = None
    force: bool = False
    settings: tuple[str, ...] = ()
    as_of: str | None = None


def select_stages(profile: Profile, options: FlowOptions) -> list[str]:
    """Return the selected stages in running order.

    Raises
    ------
    ProfileError
        A stage is unknown, or not one of the profile.
    """
    stages = profile.stages
    requested = {"--only": options.only, "--from": options.first, "--to": options.last}
    faults = [
        Fault(flag, f"stage '{stage}' is not among the stages of {profile.name}", "", did_you_mean(stage, stages))
        for flag, stage in requested.items()
        if stage is not None and stage not in stages
    ]
    if options.only and (options.first or options.last):
        faults.append(Fault("--only", "used together with --from or --to", "Only one of them"))
    if faults:
        raise ProfileError(faults)
    if options.only:
        return [options.only]
    start = stages.index(options.first) if options.first else 0
    stop = stages.index(options.last) if options.last else len(stages) - 1
    if start > stop:
        raise ProfileError(Fault("--from", f"{options.first} comes after --to {options.last}"))
    return stages[start : stop + 1]


def batches(profile: Profile, stages: Sequence[str]) -> list[tuple[str, ...]]:
    """Group stages that may run in parallel.

    Parameters
    ----------
    profile : Profile
    stages : sequence of str
        In running order.

    Returns
    -------
    list of tuple of str
        Consecutive stages of which none reads a table of another.
    """
    groups: list[tuple[str, ...]] = []
    for stage in stages:
        if groups and not any(_depends(profile, earlier, stage) for earlier in groups[-1]):
            groups[-1] += (stage,)
        else:
            groups.append((stage,))
    return groups


def _depends(profile: Profile, earlier: str, later: str) -> bool:
    """Return whether a stage may read tables of an earlier one; always true for own notebooks, which declare none."""
    first, second = profile.stage(earlier), profile.stage(later)
    if {earlier, later} & set(profile.own) or "summaries" in second.inputs:
        return True
    if first.hands_over and first.hands_over == second.takes:
        return True
    return bool(second.depends_on & set(first.writes))
