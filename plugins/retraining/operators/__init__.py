"""The steps of the chain, one file per noun."""
