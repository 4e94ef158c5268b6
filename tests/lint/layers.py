"""The arrows of csrc/README.md as a test: who may include whom, and which folder owns which third-party header."""
ALLOWED = {
    "util": "",
    "plat": "util",
    "digest": "util plat",
    "store": "digest util plat",
    "transfer": "util plat",
    "engine": "transfer digest store plat util",
    "ext": "engine store digest util",
}
