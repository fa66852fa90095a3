"""List, compare and clean the runs that a workspace keeps."""
