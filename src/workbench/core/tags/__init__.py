"""The tag registry: the items of a portrait, the tags that stand for them, the packs and strategies of a trade."""

from __future__ import annotations

from workbench.core.tags.definition import KINDS, Tag, TagValue
from workbench.core.tags.items import GROUPS, ITEMS, Item
from workbench.core.tags.pack import Pack, Strategy
from workbench.core.tags.registry import TagRegistry, load_registry, tag_files

__all__ = [
    "GROUPS",
    "ITEMS",
    "KINDS",
    "Item",
    "Pack",
    "Strategy",
    "Tag",
    "TagRegistry",
    "TagValue",
    "load_registry",
    "tag_files",
]
