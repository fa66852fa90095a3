"""What every chart is made of: theme, lettering, marks, footnotes."""
