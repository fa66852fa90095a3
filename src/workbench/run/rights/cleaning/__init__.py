"""Files of the workspace without the traces of a person: rewritten where that leaves a whole file, else removed."""
