"""What keeps a cache small and honest: last use, pins, what is in use, removing, sharing, licences."""
