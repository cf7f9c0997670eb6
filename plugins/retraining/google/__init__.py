"""Google's clients, made in one place, and the calls that the chain makes with them."""
