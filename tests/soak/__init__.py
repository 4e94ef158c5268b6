"""The soak: thousands of downloads under random faults, several processes sharing a cache (README.md)."""
