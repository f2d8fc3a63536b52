"""Let ``python -m objrec`` do what ``objrec`` does."""

import sys

from objrec.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
