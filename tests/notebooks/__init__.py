"""Real Jupyter in a real browser: `make notebooks`."""
