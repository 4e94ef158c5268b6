"""`python -m hubjet`: the command line. Imports _cli."""

import sys

from ._cli import main

sys.exit(main())
