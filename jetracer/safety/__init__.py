"""The last word: a pure gate, the guard process that owns the motors, and the parent that watches it."""
