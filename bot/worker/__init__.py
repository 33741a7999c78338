"""The reconcile loop and its jobs: the one place from which anything that changes AWS is called."""
