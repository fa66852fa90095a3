"""Who may appear in an output, by the current consents and never-contact files."""

from __future__ import annotations

import csv
import datetime as dt
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import ibis

from workbench.analysis.audiences.consent import keep_permitted, permitted
from workbench.core.errors import DataError, Fault, nearest
from workbench.core.schema import ID_SPACE
from workbench.core.store.tables import to_pandas
from workbench.intake.identity.spaces import space_of
from workbench.intake.purposes import name_purposes
from workbench.intake.tables.raw_rows import EVERY_DATE, read_rows_now
from workbench.run.artifacts.corrections import read_restrictions, restricted_customers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from workbench.core.params.profile import Profile
    from workbench.core.store.tables import Store
    from workbench.core.workspace import Workspace

__all__ = ["MARKETING", "PROFILING", "RECOMMENDATION", "ConsentService"]

MARKETING, PROFILING, RECOMMENDATION = "marketing", "profiling", "recommendation"
_CONSENTS, _NEAREST = "consents", 2000


@dataclass(frozen=True)
class ConsentService:
    """The consents of one profile, checked by every output that names customers.

    Attributes
    ----------
    workspace : Workspace
    profile : Profile
    store : Store
    as_of : datetime.date
        The date at which the age of minors is determined.
    """

    workspace: Workspace
    profile: Profile
    store: Store
    as_of: dt.date

    @property
    def recorded(self) -> bool:
        """Whether the profile has consents; without them nobody has refused."""
        return any(source.table == _CONSENTS for source in self.profile.sources.values())

    def verdicts(self, customers: ibis.Table, purpose: str, *, also_never: Iterable[str] = ()) -> ibis.Table:
        """Return for every customer whether an output may name them, by the latest consent (``consent.permitted``).

        Parameters
        ----------
        customers : ibis.Table
            customer_id.
        purpose : str
        also_never : iterable of str
            customer_ids suppressed by the audience itself.

        Raises
        ------
        DataError
            The consents or a never-contact file cannot be read, or no id in such a file is a customer.
        """
        people = self.store.read("customers") if "customers" in self.store.present() else None
        verdicts = permitted(
            customers, self.consents(), purpose, self.as_of, params=self.profile.consent, people=people,
            never_contact=self.never_contact() | set(also_never), latest=True,
            restricted=restricted_customers(self.store, read_restrictions(self.workspace, self.profile.name)),
        )  # fmt: skip
        return verdicts.cache()

    def keep(self, rows: ibis.Table, purpose: str, *, also_never: Iterable[str] = ()) -> ibis.Table:
        """Keep the rows of customers whom an output may name, sorted by customer_id."""
        return keep_permitted(rows, self.verdicts(rows, purpose, also_never=also_never))

    def keep_ids(self, ids: Iterable[str], purpose: str) -> list[str]:
        """Keep the customers whom an output may name, in their order."""
        requested = list(ids)
        rows = ibis.memtable({"customer_id": requested}, schema={"customer_id": "string"})
        kept = set(to_pandas(self.keep(rows, purpose))["customer_id"]) if requested else set()
        return [customer for customer in requested if customer in kept]

    def consents(self) -> ibis.Table | None:
        """Read the consents from their sources: customer_id, record, purpose, granted, changed_at; None without any."""
        sources = {name: source for name, source in self.profile.sources.items() if source.table == _CONSENTS}
        if not sources:
            return None
        scratch = Path(tempfile.mkdtemp(prefix=".consents-", dir=self._interim()))
        try:
            parts = [self._read(name, scratch) for name in sources]
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        table = ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]
        rows = self.store.with_identity(table)
        return name_purposes({_CONSENTS: rows}, self.profile.consent.words)[_CONSENTS]

    def _read(self, name: str, scratch: Path) -> ibis.Table:
        source = self.profile.sources[name]
        rows = read_rows_now(
            self.store.engine, source, root=self.workspace.root, scratch=scratch / name, dates=EVERY_DATE
        )
        changed = rows.changed_at if "changed_at" in rows.columns else ibis.null("timestamp")
        rows = rows.select("customer_id", "purpose", "granted", changed_at=changed.cast("timestamp"))
        space = ibis.literal(space_of(name, self.profile.sources))
        return rows.mutate(**{ID_SPACE: space}).cache()

    def never_contact(self) -> set[str]:
        """Return the customer_ids of the never-contact files.

        Raises
        ------
        DataError
            A file is missing, lacks the column ``source_id``, or has no id of a customer; all files together.
        """
        faults: list[Fault] = []
        ids: set[str] = set()
        for name in self.profile.never_contact:
            try:
                ids |= self._ids_of(name)
            except DataError as error:
                faults += error.faults
        if faults:
            raise DataError(faults)
        return ids

    def customers_of(self, ids: Collection[str]) -> dict[str, set[str]]:
        """Map ids to customers; an id is a customer_id or the source id of one of the customer's records.

        Parameters
        ----------
        ids : collection of str

        Returns
        -------
        dict of str to set of str
            Ids without a customer are left out.
        """
        listed = ibis.memtable({"source_id": sorted(ids)}, schema={"source_id": "string"})
        records = self._records()
        by_source = listed.join(records, "source_id").select("source_id", "customer_id")
        current = records.select("customer_id").distinct()
        by_customer = listed.join(current, listed.source_id == current.customer_id).select("source_id", "customer_id")
        matches: dict[str, set[str]] = {}
        for row in to_pandas(by_source.union(by_customer, distinct=True)).itertuples():
            matches.setdefault(row.source_id, set()).add(row.customer_id)
        return matches

    def _ids_of(self, name: str) -> set[str]:
        rows = read_never_contact(self.workspace, name)
        listed = ibis.memtable(
            {"source": [source for source, _ in rows], "source_id": [source_id for _, source_id in rows]},
            schema={"source": "string", "source_id": "string"},
        )
        records = self._records()
        anywhere = (listed.source == "") | (records.source == "")
        same = (listed.source_id == records.source_id) & (anywhere | (listed.source == records.source))
        matched = to_pandas(listed.join(records, same).select(customer_id=records.customer_id).distinct())
        if matched.empty and rows:
            candidates = to_pandas(records.select("source_id").distinct().order_by("source_id").limit(_NEAREST))
            expected = "Ids as in the sources, in the column source_id"
            remedy = nearest(rows[0][1], candidates["source_id"].tolist()) or "Check that it belongs to this profile"
            raise DataError(Fault(name, f"none of its {len(rows)} ids is a customer", expected, remedy))
        return set(matched["customer_id"])

    def _records(self) -> ibis.Table:
        """Return the ids of all records: source, source_id, customer_id."""
        if "identities" in self.store.present():
            return self.store.read("identities").select("source", "source_id", "customer_id")
        name = "features" if "features" in self.store.present() else "customers"
        table = self.store.read(name)
        return table.select(source=ibis.literal(""), source_id=table.customer_id, customer_id=table.customer_id)

    def _interim(self) -> Path:
        folder = self.workspace.interim(self.profile.name)
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def read_never_contact(workspace: Workspace, name: str) -> list[tuple[str, str]]:
    """Read a never-contact file: (source or "", source_id) by row.

    Raises
    ------
    DataError
        No such file, or no column ``source_id``.
    """
    path = workspace.resolve(name)
    if not path.is_file():
        raise DataError(Fault("never_contact", f"no file {name}", "A CSV with the column source_id", "Add it"))
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if "source_id" not in (rows.fieldnames or []):
            problem = f"columns {', '.join(rows.fieldnames or []) or 'none'}"
            raise DataError(Fault(name, problem, "A column source_id", "Rename the column"))
        cells = [((row.get("source") or "").strip(), (row["source_id"] or "").strip()) for row in rows]
    return [(source, source_id) for source, source_id in cells if source_id]
