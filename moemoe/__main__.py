"""``python -m moemoe``: the ``moemoe`` command."""

import sys

from moemoe.cli import main

sys.exit(main())
