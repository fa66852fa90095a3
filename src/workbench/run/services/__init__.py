"""Services for commands, pages and stages: audiences, cards, segments, tags, scoring."""
