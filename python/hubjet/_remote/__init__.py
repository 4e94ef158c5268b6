"""Models in places that fsspec reaches: what lies where there, how it is brought here, how it is put there."""
