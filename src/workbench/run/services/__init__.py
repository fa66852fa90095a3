"""Services used by commands, pages and stages: audiences, cards, segments, tags, scoring."""
