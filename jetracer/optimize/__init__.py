"""Smaller and faster models: each technique takes a model, data and its settings, and reports what came of it."""
