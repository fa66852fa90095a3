"""Files a run reads and writes in the workspace: context, lock, manifests, model files, report folders."""
