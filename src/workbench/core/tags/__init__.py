"""The tag registry: the items of a portrait, the tags that stand for them, the packs and strategies of a trade."""
