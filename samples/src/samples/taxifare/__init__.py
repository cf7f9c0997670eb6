"""Made-up taxi trips of New York, in the columns of the taxifare course."""

from samples.taxifare.dataset import DEFAULT_ROWS, MadeTaxifare

__all__ = ["DEFAULT_ROWS", "MadeTaxifare"]
