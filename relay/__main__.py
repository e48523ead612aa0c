"""``python -m relay``: see ``relay/cli/parser.py``. Nothing else belongs here."""

import sys

from relay.cli.parser import main

if __name__ == "__main__":
    sys.exit(main())
