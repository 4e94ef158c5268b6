"""The rules of the house that a machine can hold. Each module has `check(root) -> Iterator[str]`: one line per violation.

tests/py/test_lint.py runs them over this tree, and over trees with a planted violation each.
"""
