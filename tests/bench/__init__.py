"""Benches: hubjet beside every other downloader, in one run, with verification counted for everybody. See README.md here.

Map, in reading order: `__main__` (what a person types), `runner` (rounds, tables, goals), `measure` (what one process cost),
`hubsite` (hub and CDN by nginx, behind the relay), `relay`, `line` (networks), `peers` and `client` (who is measured),
`report` and `plot` (what is written down); then one `bench_*` per question.
"""
