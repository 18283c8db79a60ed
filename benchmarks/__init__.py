"""How fast Outlay is and how much memory it takes, on generated bills: `make bench`. See docs/benchmarks.md."""
