"""Removes what the runs of a dataset made on the running stack."""
