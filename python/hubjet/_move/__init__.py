"""Models that travel: only what is needed, written down (lock), as one file (pack), as a list of URLs, from machine to machine (serve)."""
