"""Tags: compiling the definitions of the registry to Ibis expressions, and analysing tag values."""
