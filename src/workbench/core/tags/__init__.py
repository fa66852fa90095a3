"""The tag registry: the items of a portrait, their tags, the packs and strategies of an industry."""
