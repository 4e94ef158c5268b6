"""Where other programs keep models on this computer: one module a program, each a pure reader."""
