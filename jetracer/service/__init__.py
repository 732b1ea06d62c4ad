"""The car at boot: what `jetracer service` installs, removes, and says of it."""
