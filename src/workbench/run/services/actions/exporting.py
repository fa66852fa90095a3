"""Export a plan (``workbench actions export``): freeze it, write its assignment and its lists, log what left."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.analysis.actions.content import columns_of_content
from workbench.core.actions.layout import CONTACTS, ExportLayout, read_layout
from workbench.core.errors import DataError, Fault, ProfileError, listed
from workbench.core.params.profile import load_profile
from workbench.run.artifacts.audit import append_audit
from workbench.run.artifacts.context import stage_summary
from workbench.run.artifacts.lock import hold_workspace
from workbench.run.artifacts.plans import sweep_plans, write_manifest
from workbench.run.definitions.tag_purposes import check_purposes
from workbench.run.definitions.tag_registry import action_content_faults, registry_of
from workbench.run.services.actions.lists import (
    ListFile,
    chosen_rows,
    lists_folder,
    remove_lists,
    write_lists,
    write_to_database,
)
from workbench.run.services.actions.planned import Planned, find_plan, freeze_plan
from workbench.run.services.actions.rows import ContactRows, permitted_rows, with_contacts
from workbench.run.services.actions.texts import VariantCount, count_variants, write_texts
from workbench.run.services.consent import ConsentService
from workbench.run.services.stores import store_of

if TYPE_CHECKING:
    from workbench.core.store.tables import Store
    from workbench.core.workspace import Workspace

__all__ = ["ActionService", "Exported"]

_WAIT_SECONDS = 60


@dataclass(frozen=True)
class Exported:
    """What an export did.

    Attributes
    ----------
    plan : str
    frozen_now : bool
        Whether this export froze the plan.
    valid_until : str
        The last of the days on which its people are free again.
    experiments : tuple of str
        The experiments as which its actions come back.
    rows : int
        Customers on its lists.
    held_out : int
        Customers of the plan who are on none, so that there is something to compare with.
    left_out : dict of str to int
        Treated customers on no list, by reason.
    files : tuple of ListFile
    removed : tuple of str
        Lists of earlier exports in other layouts that named somebody who may not be contacted any more.
    database_rows : int
    consent_recorded : bool
    """

    plan: str
    frozen_now: bool
    valid_until: str
    experiments: tuple[str, ...]
    rows: int
    held_out: int
    left_out: dict[str, int]
    files: tuple[ListFile, ...]
    removed: tuple[str, ...]
    database_rows: int
    consent_recorded: bool


class ActionService:
    """The plans of one profile.

    Parameters
    ----------
    workspace : Workspace
    profile : str

    Raises
    ------
    ProfileError
        No such profile.
    """

    def __init__(self, workspace: Workspace, profile: str):
        self.workspace = workspace
        self.profile = load_profile(workspace, profile)
        self.store: Store = store_of(workspace, self.profile)

    def export(
        self,
        *,
        plan: str | None = None,
        contacts: str | None = None,
        layout: str = "generic",
        language: str | None = None,
        variable: str | None = None,
    ) -> Exported:
        """Freeze a plan where it is not, and write its lists with the consents as they are now.

        Parameters
        ----------
        plan : str, optional
            Default: the plan of the last run.
        contacts : str, optional
            ``phone`` or ``email``: opens the vault.
        layout : str
            A file of params/exports.
        language : str, optional
            Default: the leading language of the profile.
        variable : str, optional
            Environment variable with a database's URL; the rows are written there too.

        Raises
        ------
        ProfileError
            Unknown plan, layout or contact column; a layout without that column; content that cannot be filled.
        DataError
            Nothing is planned, nobody may be contacted, consents cannot be read, no key for the vault, somebody in
            another frozen plan.
        """
        chosen = self._layout(layout, contacts)
        language = language or self.profile.languages[0]
        with hold_workspace(self.workspace, "workbench actions export", wait_seconds=_WAIT_SECONDS):
            sweep_plans(self.workspace)
            planned = find_plan(self.workspace, self.profile, self.store, plan)
            permitted = self._permitted(planned)
            rows = self._rows(planned, permitted, chosen, contacts, language)
            frozen = planned.frozen or freeze_plan(self.workspace, self.profile, planned)
            facts: dict[str, Any] = {"layout": layout, "contacts": contacts, "customers": len(rows.frame)}
            facts |= {"left_out": dict(rows.left_out), "database": f"env:{variable}" if variable else None}
            append_audit(self.workspace, "export", profile=self.profile.name, plan=planned.plan, **facts)
            options = {"contacts": contacts, "language": language}
            files, in_database = self._write(planned, rows, chosen, options, variable)
            earlier = frozen.manifest["exports"]
            removed = self._remove_outdated(earlier, permitted.digest, files)
            moment = dt.datetime.now(dt.UTC).isoformat("T", "seconds")
            entry = {
                "exported_at": moment, **facts, "language": language, "permitted": permitted.digest,
                "consent": "as of the export" if rows.consent_recorded else "not recorded in this profile",
                "files": [asdict(file) for file in files], "removed": removed,
            }  # fmt: skip
            first = frozen.manifest.get("exported_at") or moment
            write_manifest(frozen.folder, {**frozen.manifest, "exported_at": first, "exports": [*earlier, entry]})
        return Exported(
            plan=planned.plan,
            frozen_now=planned.frozen is None,
            valid_until=frozen.manifest["valid_until"],
            experiments=tuple(frozen.manifest["experiments"]),
            rows=len(rows.frame),
            held_out=planned.held_out["customer_id"].nunique(),
            left_out=dict(rows.left_out),
            files=tuple(files),
            removed=tuple(removed),
            database_rows=in_database,
            consent_recorded=rows.consent_recorded,
        )

    def preview(self, *, plan: str | None = None, language: str | None = None) -> list[VariantCount]:
        """Count the customers of every content variant with an example of its text; write nothing."""
        language = language or self.profile.languages[0]
        planned = find_plan(self.workspace, self.profile, self.store, plan)
        return count_variants(self._with_texts(planned, self._permitted(planned), language).frame, planned.definitions)

    @cached_property
    def consent(self) -> ConsentService:
        """Who may be named."""
        as_of = stage_summary(self.workspace, self.profile.name, "03_build_features").get("as_of")
        day = dt.date.fromisoformat(as_of) if as_of else self.profile.as_of or dt.datetime.now(dt.UTC).date()
        return ConsentService(self.workspace, self.profile, self.store, day)

    def _write(
        self, planned: Planned, rows: ContactRows, layout: ExportLayout, options: dict[str, Any], variable: str | None
    ) -> tuple[list[ListFile], int]:
        """Write the lists, and the rows of a database where one is named."""
        folder = lists_folder(self.workspace, self.profile.name, planned.plan)
        files = write_lists(self.store, folder, rows, layout, planned.definitions, **options)
        if variable is None:
            return files, 0
        count = write_to_database(rows, layout, planned.definitions, planned.plan, variable=variable, **options)
        return files, count

    def _permitted(self, planned: Planned) -> ContactRows:
        return permitted_rows(self.workspace, self.profile, self.store, planned, self.consent)

    def _with_texts(self, planned: Planned, rows: ContactRows, language: str) -> ContactRows:
        faults = action_content_faults(self.workspace, self.profile, planned.definitions)
        if faults:
            raise ProfileError(faults)
        registry = registry_of(self.workspace, self.profile)
        tags = [name for action in planned.definitions.values() for name in columns_of_content(action.content)]
        check_purposes(self.workspace, self.profile.name, registry, tags)
        frame = write_texts(self.store, rows.frame, planned.definitions, registry, language=language)
        return ContactRows(frame, rows.left_out, rows.consent_recorded)

    def _rows(
        self, planned: Planned, permitted: ContactRows, layout: ExportLayout, contacts: str | None, language: str
    ) -> ContactRows:
        """Return the rows to write; refuse an export of nobody before anything is frozen."""
        rows = chosen_rows(permitted, layout)
        channels = sorted(planned.treated["channel"].unique())
        if layout.channels and not set(layout.channels) & set(channels):
            found = f"the plan has no channel {listed(layout.channels)}"
            expected = f"Its channels are {listed(channels)}" if channels else "It treats nobody"
            raise DataError(Fault(f"--layout {layout.name}", found, expected, "Choose another layout"))
        if rows.frame.empty and planned.frozen is None:
            reasons = listed([f"{name} {count:,}" for name, count in rows.left_out.items()]) or "the plan treats nobody"
            raise DataError(Fault(f"plan {planned.plan}", "nobody to export", reasons))
        rows = self._with_texts(planned, rows, language)
        return with_contacts(self.workspace, self.profile, rows, planned.plan, contacts) if contacts else rows

    def _layout(self, name: str, contacts: str | None) -> ExportLayout:
        layout = read_layout(self.workspace, name)
        if contacts is not None and contacts not in CONTACTS:
            raise ProfileError(Fault("--contacts", f"'{contacts}'", "Expected phone or email"))
        if contacts is not None and contacts not in layout.contacts:
            expected = f"It has {listed(sorted(layout.contacts))}" if layout.contacts else "It has no contact column"
            raise ProfileError(Fault("--contacts", f"layout {name} has no column for {contacts}", expected))
        return layout

    def _remove_outdated(self, earlier: list[dict[str, Any]], permitted: str, written: list[ListFile]) -> list[str]:
        """Remove the lists of earlier exports that were made of other people than those permitted now."""
        outdated = [file["file"] for entry in earlier if entry["permitted"] != permitted for file in entry["files"]]
        fresh = {file.file for file in written}
        return remove_lists(self.workspace, [file for file in dict.fromkeys(outdated) if file not in fresh])
