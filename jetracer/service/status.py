"""How the car's services are, in words: what runs, since when, armed or not, and the last fault."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from jetracer.core.errors import GuardError, ServiceError
from jetracer.core.runtime import SERVICE_DIR
from jetracer.safety.client import GuardClient
from jetracer.safety.protocol import Status
from jetracer.safety.reasons import reason
from jetracer.service.install import Run, run
from jetracer.service.plan import UNITS

_PROPERTIES = ("Id", "LoadState", "UnitFileState", "ActiveState", "StateChangeTimestamp", "StatusText", "Result",
               "NRestarts", "Job")


@dataclass(frozen=True)
class Service:
    """One unit. `state`: runs, waits, queued, stopped, failed or missing; `words` says it whole."""

    name: str
    state: str
    since: str
    words: str


@dataclass(frozen=True)
class Report:
    """`armed` is None where no guard can be asked; `fault` is what holds the car now, in words."""

    services: Tuple[Service, ...]
    armed: Optional[bool]
    fault: str

    @property
    def well(self) -> bool:
        """Guard and drive run."""
        return all(service.state == "runs" for service in self.services[:2])


def status(run: Run = run, socket_path: Optional[Path] = None) -> Report:
    """Raises ServiceError where there is no systemd to ask."""
    text = run(("systemctl", "show", f"--property={','.join(_PROPERTIES)}", *UNITS))
    units = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n")]
    if len(units) != len(UNITS):
        raise ServiceError(f"systemctl told of {len(units)} units, not of {len(UNITS)}.")
    guard = _guard(socket_path or SERVICE_DIR / "guard.sock")
    return Report(tuple(_service(unit) for unit in units), guard.armed if guard else None, _fault(guard))


def _guard(socket_path: Path) -> Optional[Status]:
    try:
        with GuardClient(socket_path) as client:
            return client.status()
    except GuardError:
        return None


def _fault(guard: Optional[Status]) -> str:
    if guard is None or not guard.latched:
        return ""
    found = reason(guard.latched[0])
    return f"{found.sentence} {found.next_step}"


def _service(unit: Dict[str, str]) -> Service:
    state = _STATES.get(unit["ActiveState"], "stopped")
    if unit["LoadState"] != "loaded":
        state = "missing"
    elif state == "stopped" and unit.get("Job"):  # it is to start, after others
        state = "queued"
    since = unit["StateChangeTimestamp"]
    return Service(unit["Id"].rpartition(".")[0], state, since, " ".join(_words(unit, state, since)))


_STATES = {"active": "runs", "activating": "waits", "reloading": "runs", "failed": "failed"}
_SAID = {"runs": "runs", "waits": "waits", "stopped": "is stopped", "failed": "has failed"}


def _words(unit: Dict[str, str], state: str, since: str) -> List[str]:
    if state == "missing":
        return ["is not installed: sudo jetracer service install"]
    if state == "queued":
        return ["waits for jetracer-guard"]
    words = [_SAID[state] + (f" since {since}" if since else "")]
    if state == "failed":
        words.append(f"({unit['Result']}): journalctl -u {unit['Id']}")
    elif unit["StatusText"]:
        words[0] += ":"
        words.append(unit["StatusText"].replace("waiting: ", "", 1))
    if unit["UnitFileState"] not in ("enabled", ""):
        words.append("(does not start at boot)")
    if unit.get("NRestarts", "0") != "0":
        words.append(f"(restarted {unit['NRestarts']} times)")
    return words
