"""How the wheels are made: `make wheel`. See docs/building.md.

Reading order: recipe.py (what is built, from what, with which switches: no effects) -> sources.py (Debian's source packages) ->
libraries.py (three static libraries) -> check.py (what a wheel must hold) -> smoke.py (it works) -> __main__.py (the steps).
"""
