"""Who may be contacted now: the people of a plan under their ids of today, without those who refuse or are gone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import pandas as pd

from workbench.core.errors import DataError, Fault
from workbench.core.store.tables import to_pandas
from workbench.intake.identity.vault import KEY_FILE_VARIABLE, KEY_VARIABLE, find_key, has_vault, read_vault
from workbench.run.artifacts.audit import append_audit
from workbench.run.artifacts.plans import people_today

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.store.tables import Store
    from workbench.core.workspace import Workspace
    from workbench.run.services.actions.planned import Planned
    from workbench.run.services.consent import ConsentService

__all__ = ["GONE", "MERGED", "NO_CONTACT", "ContactRows", "permitted_rows", "with_contacts"]

GONE, MERGED, NO_CONTACT = "gone", "merged", "no_contact"
_KNOWN = "features"
_VAULT_STAGE = "02_resolve_identity"


@dataclass(frozen=True)
class ContactRows:
    """The rows of a plan whose customers may be contacted now: made by ``permitted_rows`` alone.

    Attributes
    ----------
    frame : DataFrame
        customer_id (of today), source, source_id, action, channel, reason, neutral_alternative, valid_until and, with
        contact data, phone or email; one row per customer, sorted by action and source_id.
    left_out : dict of str to int
        Treated customers who are on no list, by reason: refused, never_contact, minor, gone, merged, no_contact.
    consent_recorded : bool
        Whether the profile has consents; without them nobody has refused.
    """

    frame: pd.DataFrame
    left_out: Mapping[str, int]
    consent_recorded: bool

    @property
    def digest(self) -> str:
        """A digest of who they are."""
        names = (self.frame["source"] + "\x1f" + self.frame["source_id"]).sort_values()
        return hashlib.sha256("\n".join(names).encode()).hexdigest()


def permitted_rows(
    workspace: Workspace, profile: Profile, store: Store, planned: Planned, consent: ConsentService
) -> ContactRows:
    """Keep the treated customers of a plan who may be contacted, by consents and never-contact files as they are now.

    Each action asks for its own purpose. Whoever was merged with a held-out customer since, or with another one of the
    plan, is contacted at most once, and not at all where held out.

    Raises
    ------
    DataError
        The consents or a never-contact file cannot be read.
    """
    people = people_today(workspace, profile.name, planned.records)
    if "identities" not in store.present() and _KNOWN in store.present():
        known = set(to_pandas(store.read(_KNOWN).select("customer_id"))["customer_id"])
        people["customer_id"] = people["customer_id"].where(people["customer_id"].isin(known))
    present = people.dropna(subset="customer_id").sort_values(["planned_id", "source", "source_id"])
    held_out = set(present.loc[present["planned_id"].isin(planned.held_out["customer_id"]), "customer_id"])
    firsts = present.drop_duplicates("planned_id")
    rows = planned.treated.rename(columns={"customer_id": "planned_id"}).merge(firsts, on="planned_id", how="inner")
    left_out = {GONE: len(planned.treated) - len(rows)}
    once = rows.sort_values(["action", "planned_id"])
    once = once[~once["customer_id"].isin(held_out)].drop_duplicates("customer_id")
    left_out[MERGED] = len(rows) - len(once)
    reasons = _reasons(once, planned, consent)
    kept = once[reasons.isna().to_numpy()].sort_values(["action", "source", "source_id"]).reset_index(drop=True)
    left_out |= {str(reason): int(count) for reason, count in reasons.value_counts().sort_index().items()}
    return ContactRows(kept, {name: count for name, count in left_out.items() if count}, consent.recorded)


def with_contacts(workspace: Workspace, profile: Profile, rows: ContactRows, plan: str, kind: str) -> ContactRows:
    """Add phones or mails from the vault, which needs its key; opening it is written to the audit log first.

    Whoever has none is left out and counted.

    Raises
    ------
    DataError
        There is no vault or no key for it, the key does not open it, or no source of people has such a column.
    """
    if not has_vault(workspace, profile.name):
        problem, expected = f"profile {profile.name} has no vault", f"{_VAULT_STAGE} writes it where it has a key"
        remedy = (
            f"Set {KEY_VARIABLE} or {KEY_FILE_VARIABLE} and run {_VAULT_STAGE}; without --contacts the lists hold the "
            "source's own ids"
        )
        raise DataError(Fault(f"--contacts {kind}", problem, expected, remedy))
    if find_key(workspace) is None:
        remedy = f"Set {KEY_VARIABLE} or {KEY_FILE_VARIABLE}; without --contacts the lists hold the source's own ids"
        raise DataError(Fault(f"--contacts {kind}", "no key for the vault", "The key it was written with", remedy))
    facts = {"profile": profile.name, "plan": plan, "columns": [kind], "why": "actions export"}
    append_audit(workspace, "vault_opened", **facts)
    vault = read_vault(workspace, profile.name, ["customer_id", "precedence", "record", kind])
    if kind not in vault.column_names:
        raise DataError(Fault(f"--contacts {kind}", f"the vault has no {kind}", "A source of people that maps it"))
    records = vault.to_pandas()
    records = records[records[kind].fillna("").str.strip() != ""].sort_values(["precedence", "record"], kind="stable")
    contacts = records.drop_duplicates("customer_id").set_index("customer_id")[kind]
    frame = rows.frame.assign(**{kind: rows.frame["customer_id"].map(contacts)})
    if kind == "phone":
        frame = frame.assign(phone=_dialled(frame["phone"]))
    reached = frame[frame[kind].notna()].reset_index(drop=True)
    missing = len(frame) - len(reached)
    return ContactRows(reached, {**rows.left_out, **({NO_CONTACT: missing} if missing else {})}, rows.consent_recorded)


def _reasons(rows: pd.DataFrame, planned: Planned, consent: ConsentService) -> pd.Series:
    """Return why each row may not be contacted; missing where it may."""
    purposes = rows["action"].map({name: action.purpose for name, action in planned.definitions.items()})
    reasons = pd.Series(None, index=rows.index, dtype="object")
    for purpose in sorted(purposes.unique()):
        asked = rows.loc[purposes == purpose, "customer_id"]
        table = ibis.memtable({"customer_id": asked.tolist()}, schema={"customer_id": "string"})
        verdicts = to_pandas(consent.verdicts(table, purpose)).set_index("customer_id")
        refused = verdicts.loc[~verdicts["permitted"], "reason"]
        reasons.loc[asked.index] = asked.map(refused)
    return reasons


def _dialled(phones: pd.Series) -> pd.Series:
    """Write phones as they are dialled: digits alone, Chinese mobile numbers without +86, others with 00 for the plus.

    A leading plus would be read as the start of a formula.
    """
    bare = phones.str.replace(r"[\s()\-.]", "", regex=True)
    bare = bare.str.replace(r"^(?:\+|00)?86(?=1[3-9]\d{9}$)", "", regex=True)
    return bare.str.replace(r"^\+", "00", regex=True)
