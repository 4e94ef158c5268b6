"""The process as it is: forks, threads, interpreters, signals, limits, other users. Each case is a process of its own, which may break."""
