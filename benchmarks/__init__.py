"""The published figures, each measured by one module here: `make bench`."""
