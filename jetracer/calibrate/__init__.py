"""Finding out what a car and its camera are like: trim, ends, dead band; lens and mount; the delay from end to end."""
