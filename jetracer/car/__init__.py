"""The motors and what feeds them: drivers that turn a command into pulses."""
