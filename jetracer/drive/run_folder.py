"""What a drive leaves behind: a folder by date and time, and the session recorded in it."""
from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any, Callable, Optional

from jetracer.camera.recordings import SESSION
from jetracer.core.config import dump
from jetracer.core.errors import ConfigError
from jetracer.data.recorder import Recorder
from jetracer.data.writer import CARD, CONFIG, Attachment
from jetracer.drive.config import DriveConfig
from jetracer.engine.base import Engine
from jetracer.engine.load import model_hash


def make_run_folder(config: DriveConfig) -> Path:
    """A new folder named by date and time, with the used configuration in it."""
    base = Path(config.runs)
    name = time.strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        folder = base / (name + suffix)
        try:
            folder.mkdir(parents=True)
            (folder / "config.toml").write_text(dump(config), encoding="utf-8")
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            raise ConfigError(f"Cannot write to {base} ({error.strerror}); choose another with --runs.") from error


def make_recorder(folder: Path, config: DriveConfig, engine: Optional[Engine],
                  truth: Optional[Callable[[], Any]]) -> Recorder:
    """The session in the run folder, with all that is needed to know later what was driven, and how."""
    facts = {"host": socket.gethostname(), "road": config.road, "model_sha256": model_hash(config.road),
             **(engine.facts() if engine is not None else {})}
    attachments = [Attachment(CONFIG, "application/toml", dump(config).encode())]
    if engine is not None:
        attachments.append(Attachment(CARD, "application/json", engine.card.to_json().encode()))
    return Recorder(folder / SESSION, config.record, facts, attachments, truth, realtime=config.realtime)
