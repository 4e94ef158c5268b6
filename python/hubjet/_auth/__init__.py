"""Tokens: which one a request may carry (credentials), where they are kept (store), notebooks' vaults, whose they are (account)."""
