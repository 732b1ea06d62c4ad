"""The label page, served to a browser. All of it lies under a secret path, so that no other page or user gets in."""
from __future__ import annotations

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any, Callable, Dict, Optional

from jetracer.core.errors import ConfigError, JetRacerError
from jetracer.data.labelling import Labelling

PAGE = Path(__file__).with_name("label.html")


def serve(labelling: Labelling, host: str, port: int, ready: Callable[[str], Any],
          until: Optional[asyncio.Future] = None) -> None:
    """Serve until interrupted, or until `until` is done; `ready` is told the page's address.

    Raises ConfigError when tornado is not installed or the port is taken.
    """
    try:
        import tornado.web  # noqa: F401
    except ImportError as error:
        raise ConfigError("The label page needs tornado; run: pip install 'jetracer[data]'") from error
    asyncio.run(_serve(labelling, host, port, ready, until))


async def _serve(labelling: Labelling, host: str, port: int, ready: Callable[[str], Any],
                 until: Optional[asyncio.Future]) -> None:
    from tornado.httpserver import HTTPServer
    from tornado.netutil import bind_sockets

    secret = secrets.token_urlsafe(9)
    server = HTTPServer(application(labelling, secret))
    try:
        sockets = bind_sockets(port, host)
    except OSError as error:
        raise ConfigError(f"Cannot serve at {host}:{port} ({error.strerror}); choose another: --port 0") from error
    server.add_sockets(sockets)
    ready(f"http://{host}:{sockets[0].getsockname()[1]}/{secret}/")
    try:
        await (until or asyncio.Event().wait())
    finally:
        server.stop()


def application(labelling: Labelling, secret: str) -> Any:
    """The tornado application; every route begins with /`secret`/."""
    from tornado.web import Application, RequestHandler

    class Handler(RequestHandler):
        def set_default_headers(self) -> None:
            self.set_header("Cache-Control", "no-store")

        def write_error(self, status_code: int, **info: Any) -> None:
            error = info.get("exc_info", (None, None))[1]
            if isinstance(error, (JetRacerError, OSError)):
                self.set_status(400 if isinstance(error, ConfigError) else 500)
                self.finish({"error": str(error)})
            else:
                super().write_error(status_code, **info)

        def log_exception(self, kind: Any, value: Any, trace: Any) -> None:
            if not isinstance(value, JetRacerError):
                super().log_exception(kind, value, trace)

    class Page(Handler):
        def get(self) -> None:
            self.finish(PAGE.read_text(encoding="utf-8"))

    class State(Handler):
        def get(self) -> None:
            self.finish(labelling.state())

    class Picture(Handler):
        def get(self, at: str) -> None:
            data = labelling.samples[int(at)].picture.read() if int(at) < len(labelling.samples) else b""
            self.set_header("Content-Type", "image/png" if data.startswith(b"\x89PNG") else "image/jpeg")
            self.finish(data)

    class Guess(Handler):
        def get(self, at: str) -> None:
            self.finish({"guess": labelling.guess(int(at))})

    class Change(Handler):
        def post(self, what: str) -> None:
            self.finish(_changed(labelling, what, json.loads(self.request.body or b"{}")))

    return Application([
        (f"/{secret}/", Page), (f"/{secret}/state", State), (f"/{secret}/picture/(\\d+)", Picture),
        (f"/{secret}/guess/(\\d+)", Guess), (f"/{secret}/(label|delete|undo)", Change),
    ])


def _changed(labelling: Labelling, what: str, told: Dict[str, Any]) -> Dict[str, Any]:
    at = told.get("at")
    if what == "label":
        labelling.label(at, told.get("x"), told.get("y"))
    elif what == "delete":
        labelling.delete(at, bool(told.get("deleted", True)))
    else:
        at = labelling.undo()
    return {"record": None if at is None else labelling.record(at)}
