"""The report: answer, parts, relevance of content, and the page of details."""
