"""Let the files of one call decide together: a column that repeats the ids of another file is that file's id."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.core.schema import CANONICAL, columns_of
from workbench.intake.guessing.headers.parts import parts_in

if TYPE_CHECKING:
    from workbench.intake.guessing.kinds.links import Link
    from workbench.intake.guessing.kinds.tables import TableGuess
    from workbench.intake.guessing.samples import Sample

__all__ = ["Ties", "tie_files"]

_IDS = {"customers": "customer_id", "transactions": "order_id", "products": "product_id"}
_HOME = {"customer": "customers", "order": "transactions", "product": "products"}
_PEOPLE_COLUMNS = {
    "name", "given_name", "surname", "gender", "birth_date", "age", "phone", "email", "address", "member_level",
}  # fmt: skip
_REFERRED_TO = 2.0  # what a file gains as the table whose ids other files use
_BOUGHT = 3.0  # what a list of people or companies gains besides, when orders name them


@dataclass
class Ties:
    """What other files decide about one: our columns with their positions, and gains of scores, by table."""

    forced: dict[str, dict[str, int]] = field(default_factory=dict)
    bonus: dict[str, float] = field(default_factory=dict)

    def force(self, ours: str, at: int) -> None:
        """Decide a column in every table that has it, unless it is decided."""
        for table in CANONICAL:
            if ours in columns_of(table, contact=True, neighbours=True):
                self.forced.setdefault(table, {}).setdefault(ours, at)


def tie_files(samples: list[Sample], guesses: list[TableGuess], links: list[Link]) -> list[Ties]:
    """Turn links between files into decisions about their columns.

    Parameters
    ----------
    samples : list of Sample
    guesses : list of TableGuess
        Of each file by itself.
    links : list of Link
        The largest share first.

    Returns
    -------
    list of Ties
        One per file.
    """
    ties = [Ties() for _ in samples]
    home: dict[tuple[str, int], int] = {}  # the id column that others use, by thing and file
    chosen: dict[tuple[str, int], int] = {}  # the column of a file that refers, by thing
    links = [link for link in links if not _is_backwards(link, links, guesses)]
    for link in sorted(links, key=lambda link: -_weight(link, links)):
        names = samples[link.file].names[link.at], samples[link.to_file].names[link.to_at]
        thing = _thing_of(*names, guesses[link.to_file].table)
        if thing is None or home.setdefault((thing, link.to_file), link.to_at) != link.to_at:
            continue
        if chosen.setdefault((thing, link.file), link.at) != link.at:
            continue
        table = _HOME[thing]
        ours = _IDS[table]
        ties[link.to_file].forced.setdefault(table, {}).setdefault(ours, link.to_at)
        gain = _REFERRED_TO + _BOUGHT * (thing == "customer")
        ties[link.to_file].bonus[table] = max(gain, ties[link.to_file].bonus.get(table, 0.0))
        ties[link.file].force(ours, link.at)
    return ties


def _is_backwards(link: Link, links: list[Link], guesses: list[TableGuess]) -> bool:
    """Tell whether two files refer to each other, and the other one is more like a list of people."""
    mutual = any(
        (other.file, other.at, other.to_file, other.to_at) == (link.to_file, link.to_at, link.file, link.at)
        for other in links
    )
    return mutual and _likeness(guesses[link.file]) > _likeness(guesses[link.to_file])


def _likeness(guess: TableGuess) -> int:
    return len(_PEOPLE_COLUMNS & set(guess.matches)) if guess.table in ("customers", "contacts", "accounts") else 0


def _weight(link: Link, links: list[Link]) -> float:
    """Prefer the id column that most other files use, then the largest share."""
    return sum(other.to_file == link.to_file and other.to_at == link.to_at for other in links) + link.share


def _thing_of(name: str, other: str, table: str) -> str | None:
    if table not in (*_HOME.values(), "accounts", "contacts", "labels"):
        return None
    parts = (parts_in(name), parts_in(other))
    people = table in ("customers", "accounts", "contacts", "labels")
    for thing, words in (
        ("product", {"product"}),
        ("customer", {"customer", "person", "account"}),
        ("order", {"order"}),
    ):
        if any(own & words for own in parts) and not any("order" in own and thing == "product" for own in parts):
            return thing if thing != "customer" or people else None
    if any(own & {"mail", "phone"} for own in parts):
        return "customer" if people else None
    return {"customers": "customer", "accounts": "customer", "transactions": "order", "products": "product"}.get(table)
