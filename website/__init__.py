"""The documentation as a site. `make docs`, or `python -m website` in build/venv-docs.

Map, in reading order: `__main__` (the steps), `stage` (docs/ and what it links to, as one folder of Markdown), `generate` (what comes from
the code: options, functions, codes of errors, measured numbers), `notebooks` (run, and as Markdown), `check` (the built pages fetch
nothing), `mkdocs.yml` (look and order of the pages), `theme/` (our style sheet).
"""
