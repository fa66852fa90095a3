"""Items that may be the same product under two names: reported for review, never merged. Serves 07_mine_affinities."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["find_same_products"]

MOST_ITEMS = 200_000  # number of most frequent items that are compared
_MOST_PER_NAME = 2  # above this mean number of items per name, names denote kinds of products


def find_same_products(counts: Mapping[str, int], names: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """Group the items that may be the same product.

    Parameters
    ----------
    counts : mapping of str to int
        Baskets of each item.
    names : mapping of str to str
        Product names by item, where known.

    Returns
    -------
    tuple of tuple of str
        Groups of two items or more, the most frequent group first. Names are the same if they differ only in
        case, character width, blanks and punctuation. Items without a name are compared by their codes, ignoring case
        and blanks. With more than two items per name on average, names denote kinds of products and are not used.

    Examples
    --------
    >>> find_same_products({"p1": 5, "p2": 3, "p3": 9}, {"p1": "Red wine", "p2": "RED-WINE ", "p3": "Beer"})
    (('p1', 'p2'),)
    """
    if len(names) > _MOST_PER_NAME * len(set(names.values())):
        names = dict.fromkeys(names, "")
    bought = sorted((item for item in counts if counts[item]), key=lambda item: (-counts[item], item))[:MOST_ITEMS]
    by_name, by_code = defaultdict(list), defaultdict(list)
    for item in bought:
        if item in names:
            by_name[_letters(names[item])].append(item)
        else:
            by_code["".join(item.casefold().split())].append(item)
    by_name.pop("", None)
    shared = [tuple(items) for items in by_name.values() if len(items) > 1]
    groups = [*shared, *(tuple(items) for items in by_code.values() if len(items) > 1)]
    return tuple(sorted(groups, key=lambda items: (-sum(counts[item] for item in items), items)))


def _letters(name: str) -> str:
    """Return the letters and digits of a name, in one width and case."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in folded if character.isalnum())
