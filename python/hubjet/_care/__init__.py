"""What is here is looked after: verified, repaired, checked out to be edited."""
