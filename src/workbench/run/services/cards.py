"""Collect the data of portrait cards, for ``workbench card``, the report and the explorer."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from workbench.analysis.cards.card import CardSources, PortraitCard, make_cards
from workbench.analysis.cards.offers import top_offers
from workbench.analysis.cards.preferences import leading_preferences
from workbench.analysis.cards.timeline import KINDS, first_day, timelines
from workbench.core.errors import DataError, Fault, nearest
from workbench.core.params.profile import Profile, load_profile
from workbench.core.schema import UNDATED
from workbench.core.store.tables import to_pandas
from workbench.intake.casting.column_kinds import patterns_of
from workbench.intake.features.inputs.exact import at_midnight
from workbench.intake.identity.vault import find_key, read_vault
from workbench.intake.purposes import name_purposes
from workbench.run.artifacts.audit import append_audit
from workbench.run.artifacts.context import stage_summary
from workbench.run.definitions.tag_registry import registry_of
from workbench.run.services.consent import MARKETING, PROFILING, RECOMMENDATION, ConsentService
from workbench.run.services.stores import store_of

if TYPE_CHECKING:
    from workbench.core.tags.registry import TagRegistry
    from workbench.core.workspace import Workspace

__all__ = ["CardService"]

_KNOWN = {
    "features": (
        "recency_days", "gap_days_median", "frequency_orders", "monetary_total", "next_purchase_on",
    ),
    "rfm": ("rfm_type", "r_score", "f_score", "m_score", "life_cycle_stage"),
    "segments": ("segment", "definition_version"),
    "churn": ("churn_probability", "purchase_probability", "cut_off", "model_version"),
    "value": ("expected_value", "value_low", "value_high", "expected_orders"),
}  # fmt: skip
_DATED = (*KINDS, "products")
_OTHERS = (
    "tags",
    "portraits",
    "portrait_items",
    "churn_reasons",
    "consents",
    "customers",
    "recommendations",
    "actions",
)
_NEAREST = 2000  # ids searched for the nearest one


class CardService:
    """The customers of one profile after its last run.

    Parameters
    ----------
    workspace : Workspace
    name : str
        A profile.
    profile : Profile, optional
        The profile with the overrides of a run; default: the profile file.

    Raises
    ------
    DataError
        Stage 12 has not run, so there are no tags.
    """

    def __init__(self, workspace: Workspace, name: str, *, profile: Profile | None = None):
        self.workspace = workspace
        self.profile = profile or load_profile(workspace, name)
        self.store = store_of(workspace, self.profile)
        missing = [table for table in ("features", "tags") if table not in self.store.present()]
        if missing:
            remedy = f"Run: workbench run {name} --to 12_tag_customers"
            raise DataError(Fault(f"profile {name}", f"no {' and no '.join(missing)} yet", "", remedy))

    @property
    def as_of(self) -> dt.date:
        """The date of the run that wrote the features."""
        as_of = stage_summary(self.workspace, self.profile.name, "03_build_features").get("as_of")
        return dt.date.fromisoformat(as_of) if as_of else UNDATED

    @cached_property
    def registry(self) -> TagRegistry:
        """The tags of the profile."""
        return registry_of(self.workspace, self.profile)

    @cached_property
    def tables(self) -> dict[str, ibis.Table]:
        """The tables that cards use."""
        names = (*_KNOWN, *_DATED, *_OTHERS)
        tables = {name: self.store.read(name) for name in names if name in self.store.present()}
        return name_purposes(tables, self.profile.consent.words)

    def cards(
        self,
        customer_ids: Sequence[str],
        *,
        contact: bool = False,
        named: bool = True,
        lists: Mapping[str, Sequence[str]] | None = None,
    ) -> list[PortraitCard]:
        """Make the cards of customers, in the order of their ids.

        Parameters
        ----------
        customer_ids : sequence of str
        contact : bool
            Show names in full instead of masked; needs the key of the vault.
        named : bool
            Show masked names if the key of the vault is available.
        lists : mapping of str to sequence of str, optional
            List name to customers in order; a card shows the customer's position in each list.

        Raises
        ------
        DataError
            Unknown customers, each with the nearest id; or the required key is absent.
        """
        ids = [str(customer) for customer in customer_ids]
        facts = self._facts(ids)
        self._check(ids, facts)
        names = self._names(ids, contact=contact) if named else {}
        sources = CardSources(
            facts=facts.set_index("customer_id").loc[ids].reset_index(),
            tags=self._rows("tags", ids),
            preferences=leading_preferences(self.tables, ids, as_of=self.as_of),
            timeline=timelines(self.tables, ids, as_of=self.as_of),
            reasons=self._rows("churn_reasons", ids),
            actions=self._rows("actions", ids),
            offers=top_offers(self.tables, ids, permitted=set(ids) - self.without_recommendations),
            consents=self._consents(ids),
            items=self._items(),
            names=names,
            data_from=first_day(self.tables, as_of=self.as_of),
            value_names=self.registry.value_names,
            lists=lists or {},
            no_contact=self.no_contact,
        )
        return make_cards(sources, self.registry.tags, self.registry.pack, as_of=self.as_of)

    def permitted(self, ids: Sequence[str]) -> list[str]:
        """Keep the customers who permit profiling, in their order."""
        return [customer for customer in ids if customer not in self.refused]

    @cached_property
    def refused(self) -> dict[str, str]:
        """Customers without permission for a portrait, by the latest consents, with the reason."""
        return self._not_permitted(PROFILING)

    @cached_property
    def no_contact(self) -> dict[str, str]:
        """Customers who must not be contacted, by the latest consents and never-contact files, with the reason."""
        return self._not_permitted(MARKETING)

    def _not_permitted(self, purpose: str) -> dict[str, str]:
        consent = ConsentService(self.workspace, self.profile, self.store, self.as_of)
        verdicts = consent.verdicts(self.tables["features"].select("customer_id"), purpose)
        rows = to_pandas(verdicts.filter(~verdicts.permitted))
        return dict(zip(rows["customer_id"], rows["reason"], strict=True))

    @cached_property
    def without_recommendations(self) -> set[str]:
        """Customers who get only the neutral recommendations, by the latest consents."""
        if "recommendations" not in self.tables:
            return set()
        consent = ConsentService(self.workspace, self.profile, self.store, self.as_of)
        verdicts = consent.verdicts(self.tables["features"].select("customer_id"), RECOMMENDATION)
        return set(to_pandas(verdicts.filter(~verdicts.permitted))["customer_id"])

    def ids_named(self, text: str) -> list[str]:
        """List the customers whose name, or its pinyin, contains a text; empty without the key of the vault."""
        part = text.strip().lower()
        return [customer for customer, words in self._searchable.items() if part in words] if part else []

    @cached_property
    def _searchable(self) -> dict[str, str]:
        from pypinyin import lazy_pinyin  # noqa: PLC0415  (only needed for searching by name)

        if find_key(self.workspace) is None:
            return {}
        try:
            people = self._open_vault("search")
        except DataError:
            return {}  # this profile has no vault
        full = _names_of(people, contact=True)
        return {customer: "".join([name, " ", *lazy_pinyin(name)]).lower() for customer, name in sorted(full.items())}

    def ids_at_risk(self, most: int) -> list[str]:
        """List the customers with the highest churn probability, then the highest spend."""
        scored = "churn" in self.tables
        frame = to_pandas(self._joined(["churn_probability", "monetary_total"] if scored else ["monetary_total"]))
        columns = [name for name in ("churn_probability", "monetary_total") if name in frame]
        ranked = frame.sort_values([*columns, "customer_id"], ascending=[*[False] * len(columns), True])
        return ranked["customer_id"].head(most).tolist()

    def ids_for_report(
        self, most: int, lists: Mapping[str, Sequence[str]] | None = None, *, most_listed: int = 200
    ) -> list[str]:
        """Choose the customers who get a card in the report.

        Parameters
        ----------
        most : int
            Largest number of cards: all customers if there are fewer, else some at risk and some of every segment.
        lists : mapping of str to sequence of str, optional
            List name to customers; the first ``most_listed`` of each list always get a card.
        most_listed : int
        """
        listed = {customer for ids in (lists or {}).values() for customer in list(ids)[:most_listed]}
        return sorted({*listed, *self._sample_ids(most)})

    def _sample_ids(self, most: int) -> list[str]:
        customers = to_pandas(self.tables["features"].select("customer_id").order_by("customer_id"))
        ids = customers["customer_id"].tolist()
        if len(ids) <= most:
            return ids
        risky = self.ids_at_risk(most // 2)
        if "segments" not in self.tables:
            return sorted({*risky, *ids[: most - len(risky)]})
        segments = to_pandas(self._joined(["segment", "monetary_total"]))
        segments = segments.reindex(columns=["customer_id", "segment", "monetary_total"])  # spend may be absent
        ranked = segments.sort_values(["monetary_total", "customer_id"], ascending=[False, True])
        rank = ranked.groupby("segment").cumcount()
        by_rank = ranked.assign(rank=rank).sort_values(["rank", "segment", "customer_id"])["customer_id"]
        others = [customer for customer in by_rank if customer not in set(risky)][: most - len(risky)]
        return sorted({*risky, *others})

    # sources of the cards -----------------------------------------------------------------------

    def _facts(self, ids: Sequence[str]) -> pd.DataFrame:
        columns = [column for names in _KNOWN.values() for column in names]
        joined = self._joined(columns)
        frame = to_pandas(joined.filter(joined.customer_id.isin(sorted(set(ids)))))
        return frame.merge(self._birthdays(ids), on="customer_id", how="left")

    def _joined(self, columns: Sequence[str]) -> ibis.Table:
        table = self.tables["features"].select("customer_id")
        for name, names in _KNOWN.items():
            present = self.tables[name].columns if name in self.tables else ()
            chosen = [column for column in names if column in columns and column in present]
            if chosen:
                table = table.left_join(self.tables[name].select("customer_id", *chosen), "customer_id")
                table = table.drop("customer_id_right")
        return table

    def _birthdays(self, ids: Sequence[str]) -> pd.DataFrame:
        """Return the next birthdays; none without an as-of date or if only years of birth are known."""
        customers = self.tables.get("customers")
        absent = customers is None or not {"customer_id", "birth_date"} <= set(customers.columns)
        if customers is None or absent or self.as_of == UNDATED or _has_years_only(self.profile):
            return pd.DataFrame({"customer_id": pd.Series(dtype="str")})
        born = to_pandas(
            customers.filter(customers.customer_id.isin(sorted(set(ids)))).select("customer_id", "birth_date")
        )
        born = born.dropna().drop_duplicates("customer_id")
        days = [_next_birthday(pd.Timestamp(date).date(), self.as_of) for date in born["birth_date"]]
        return born[["customer_id"]].assign(birthday_next_on=pd.to_datetime(pd.Series(days, index=born.index)))

    def _rows(self, name: str, ids: Sequence[str]) -> pd.DataFrame:
        if name not in self.tables:
            return pd.DataFrame(columns=["customer_id"])
        table = self.tables[name]
        return to_pandas(table.filter(table.customer_id.isin(sorted(set(ids)))).order_by(*table.columns[:2]))

    def _consents(self, ids: Sequence[str]) -> pd.DataFrame:
        """Return each customer's last consent per purpose before the as-of date; a tie goes to the refusal."""
        if "consents" not in self.tables:
            return pd.DataFrame(columns=["customer_id", "purpose", "granted"])
        table = self.tables["consents"]
        table = table.filter(table.customer_id.isin(sorted(set(ids))))
        dated = "changed_at" in table.columns
        if dated:
            table = table.filter(table.changed_at.isnull() | (table.changed_at < at_midnight(self.as_of)))
        frame = to_pandas(table).assign(granted=lambda rows: rows["granted"].fillna(False).astype(bool))
        order = [*(["changed_at"] if dated else []), "granted"]
        ranked = frame.sort_values(order, ascending=[*([True] if dated else []), False], na_position="first")
        return ranked.drop_duplicates(["customer_id", "purpose"], keep="last")[["customer_id", "purpose", "granted"]]

    def _items(self) -> tuple[str, ...]:
        if "portrait_items" not in self.tables:
            return ()
        items = to_pandas(self.tables["portrait_items"])
        return tuple(items.loc[items["status"] != "off", "item"])

    def _open_vault(self, why: str) -> pd.DataFrame:
        """Return the records of the vault, and log the opening with its reason in the audit log."""
        people = read_vault(self.workspace, self.profile.name).to_pandas()
        append_audit(self.workspace, "vault_opened", profile=self.profile.name, why=why)
        return people

    def _names(self, ids: Sequence[str], *, contact: bool) -> Mapping[str, str]:
        if find_key(self.workspace) is None:
            if contact:
                remedy = "Set WORKBENCH_VAULT_KEY or WORKBENCH_VAULT_KEY_FILE"
                raise DataError(Fault("--contact", "the key of the vault is not set", "", remedy))
            return {}
        try:
            people = self._open_vault("cards")
        except DataError:
            if contact:
                raise
            return {}  # this profile has no vault
        return _names_of(people[people["customer_id"].isin(set(ids))], contact=contact)

    def _check(self, ids: Sequence[str], facts: pd.DataFrame) -> None:
        unknown = [customer for customer in dict.fromkeys(ids) if customer not in set(facts["customer_id"])]
        if unknown:
            candidates = self.tables["features"].select("customer_id").order_by("customer_id").limit(_NEAREST)
            names = to_pandas(candidates)["customer_id"].tolist()
            remedy = "It may have been erased, or merged into another by 02_resolve_identity"
            raise DataError([Fault("card", f"no customer '{name}'", nearest(name, names), remedy) for name in unknown])
        refused = [customer for customer in dict.fromkeys(ids) if customer in self.refused]
        if refused:
            expected = "Customers who permit profiling, are of age and are on no never-contact file"
            raise DataError([Fault("card", f"customer '{name}': {self.refused[name]}", expected) for name in refused])


def _has_years_only(profile: Profile) -> bool:
    """Return whether a source has years of birth without the day."""
    formats = [pattern for source in profile.sources.values() for pattern in patterns_of(source.formats, "birth_date")]
    return any("%Y" in pattern and not {"%d", "%-d", "%j"} & set(re.findall("%-?.", pattern)) for pattern in formats)


def _next_birthday(born: dt.date, as_of: dt.date) -> dt.date:
    """Return the date of the next birthday; 29 February becomes 1 March in other years."""
    for year in (as_of.year, as_of.year + 1):
        try:
            day = born.replace(year=year)
        except ValueError:
            day = dt.date(year, 3, 1)
        if day >= as_of:
            return day
    return dt.date(as_of.year + 1, born.month, min(born.day, 28))


def _names_of(people: pd.DataFrame, *, contact: bool) -> dict[str, str]:
    names: dict[str, str] = {}
    for row in people.to_dict("records"):
        name = _full_name(row)
        if name and row["customer_id"] not in names:
            names[row["customer_id"]] = name if contact else mask_name(name)
    return names


def _full_name(row: Mapping[str, Any]) -> str:
    name = row.get("name")
    if isinstance(name, str) and name.strip():
        return name.strip()
    parts = [row.get(part) for part in ("given_name", "surname")]
    return " ".join(part.strip() for part in parts if isinstance(part, str) and part.strip())


def mask_name(name: str) -> str:
    """Keep the first character of a name and hide the rest.

    Examples
    --------
    >>> mask_name("欧阳娜"), mask_name("Anna Müller")
    ('欧**', 'A***')
    """
    return name[:1] + "*" * min(3, max(1, len(name) - 1))
