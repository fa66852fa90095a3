"""Pages over the runs of a workspace: the index of all, and the stages and tables of one."""
