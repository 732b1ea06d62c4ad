"""`python -m jetracer VERB ...`, as torchrun starts it."""
from __future__ import annotations

import sys

from jetracer.cli.main import main

sys.exit(main())
