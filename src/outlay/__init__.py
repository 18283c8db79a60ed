"""Outlay: what every cloud charges, kept exactly and answered fast."""

__version__ = "0.1.0"
