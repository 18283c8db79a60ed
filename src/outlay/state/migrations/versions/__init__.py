"""One file for each revision, the newest last."""
