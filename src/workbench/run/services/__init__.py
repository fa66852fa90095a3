"""What commands, pages and stages share: audiences, cards, segments, tags, scoring."""
