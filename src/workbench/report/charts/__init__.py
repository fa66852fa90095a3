"""Parts of every chart: theme, lettering, marks, footnotes."""
