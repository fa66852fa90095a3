"""What a run reads and leaves in the workspace: its context, lock, manifests, model files and folder of reports."""
