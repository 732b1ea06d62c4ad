"""`jetracer stop`: the car stops now, whoever drives it, and stays in neutral until it is armed again."""
from __future__ import annotations

import os
from typing import List

from jetracer.cli.parser import Parser
from jetracer.core.errors import GuardError
from jetracer.core.runtime import guard_socket
from jetracer.safety.client import GuardClient


def main(arguments: List[str]) -> int:
    parser = Parser(prog="jetracer stop", description=__doc__)
    parser.add_argument("--socket", metavar="PATH", help="the guard's socket, if it is not the usual one")
    parser.add_argument("--shutdown", action="store_true", help="end the guard's process as well")
    options = parser.parse_args(arguments)
    path = options.socket or guard_socket()
    if not os.path.exists(path):
        raise GuardError(f"No guard listens on {path}, so no car is driven there; another one: --socket PATH. "
                         "Wheels that turn all the same: SWITCH THE CAR OFF.")
    with GuardClient(path) as guard:
        guard.estop()
        if options.shutdown:
            guard.shutdown()
    print("Stopped: the car is in neutral and stays there until it is armed again.")
    return 0
