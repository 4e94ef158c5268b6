"""Stores of other programs, for the tests of _sources: made by the programs themselves where these can be installed, else laid by hand as their
sources show it.

    children.py     what the programs' own Python does: run by build/venv-foreign (tests/run.py: FOREIGN)
    kaggle.py       as much of Kaggle's API as kagglehub asks for a model
    stores.py       one function a store; `make` makes them all, side by side
"""
