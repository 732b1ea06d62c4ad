"""`jetracer calibrate camera`: the lens, from a board shown to the camera or from a folder of pictures of one; and its
place on the car, from the board lying on the floor, or from its height and the horizon."""
from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Iterator, List, Optional, Tuple

from jetracer.cli.calibrate import say, show
from jetracer.cli.parser import Parser
from jetracer.core import config as configuration
from jetracer.core.errors import ConfigError, DeviceError

CAMERAS = Path("calibration") / "camera"
LOOK_S = 2.0  # for a picture


def main(arguments: List[str]) -> int:
    options, rest = _parser().parse_known_args(arguments)
    board = _board(options)
    if options.print_board:
        return _print_board(board, Path(options.print_board))
    path = Path(options.out) if options.out else CAMERAS / f"{options.name}.toml"
    config = _camera_config(options, rest)
    if options.floor is not None or options.horizon is not None:
        file = _mounted(options, board, config, path)
    else:
        file = _measured(options, board, config, path)
    file.save(path)
    if options.json:
        print(json.dumps({"file": str(path), "rms_px": file.rms_px, "views": file.views, "model": file.lens.model,
                          "fx": file.lens.fx, "fy": file.lens.fy, "mounted": file.mount is not None}))
    else:
        print(f"{path} written. " + (f"Drive with: jetracer drive --camera.calibration {path}" if file.mount else
              "Steering in metres also needs the camera's place: jetracer calibrate camera --floor METRES"))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="jetracer calibrate camera", description=__doc__,
        epilog="Options of the camera work too, such as --width 640 --capture_width 1280.")
    add = parser.add_argument
    add("--print-board", metavar="FILE", help="write the board as FILE.pdf or FILE.png, true to scale, and end")
    add("--board", default="charuco", help="charuco (may be seen in part) or checkerboard")
    add("--squares", default="8x5", metavar="CxR", help="of the board, across and down")
    add("--square-mm", type=float, default=30.0, metavar="MM", help="side of a square, as measured on the print")
    add("--camera", default="csi", metavar="NAME", help="csi, usb, usb:1, replay:FOLDER")
    add("--pictures", metavar="FOLDER", help="pictures of the board instead of a camera")
    add("--model", default="auto", help="auto, pinhole, polynomial, or fisheye (needed beyond 120 degrees)")
    add("--name", default="camera", help="of the file: calibration/camera/NAME.toml")
    add("--out", metavar="FILE", help="another place for it")
    add("--floor", type=float, metavar="METRES", help="the mount: the board lies on the floor, square to the car, its "
                                                      "near edge so far ahead of the rear axle")
    add("--horizon", type=float, metavar="ROW", help="the mount: the row of the picture where the horizon is, --height "
                                                     "and --forward as measured")
    add("--height", type=float, metavar="METRES", help="of the lens above the floor")
    add("--forward", type=float, default=0.0, metavar="METRES", help="of the lens ahead of the rear axle")
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser


def _board(options: argparse.Namespace) -> Any:
    from jetracer.calibrate.board import Board

    columns, _, rows = options.squares.partition("x")
    if not (columns.isdigit() and rows.isdigit()):
        raise ConfigError(f"--squares {options.squares!r} is no size; write it as 8x5.")
    return Board(options.board, int(columns), int(rows), options.square_mm / 1000.0)


def _print_board(board: Any, path: Path) -> int:
    from jetracer.calibrate import page

    make = {".pdf": page.pdf, ".png": page.png}.get(path.suffix.lower())
    if make is None:
        raise ConfigError(f"{path} is neither .pdf nor .png; choose one of them.")
    configuration.write_bytes(path, make(board))
    print(f"{path}: {page.caption(board)}")
    return 0


def _camera_config(options: argparse.Namespace, rest: List[str]) -> Any:
    """The camera at its full size: fewer pixels would only measure the lens less well."""
    from jetracer.camera.base import CameraConfig
    from jetracer.camera.gstreamer import CAPTURE_HEIGHT, CAPTURE_WIDTH

    name = f"replay:{options.pictures}" if options.pictures else options.camera
    config = CameraConfig(name, width=CAPTURE_WIDTH, height=CAPTURE_HEIGHT, realtime=False)
    return configuration.override(config, rest)


def _measured(options: argparse.Namespace, board: Any, config: Any, path: Path) -> Any:
    from jetracer.calibrate.lens import fit
    from jetracer.camera.calibration import CameraFile

    coverage, (width, height) = _shown(options, board, config)
    found = fit(board, coverage.views, width, height, options.model)
    half = found.lens.half_fov_rad
    say(f"{found.lens.model}: focal lengths {found.lens.fx:.2f}, {found.lens.fy:.2f} px, middle {found.lens.cx:.1f}, "
        f"{found.lens.cy:.1f}; corner to corner {math.degrees(2 * half):.0f} degrees")
    say(f"error {found.rms_px:.3f} px in {len(found.used)} of {len(coverage.views)} views; each: "
        + " ".join(f"{error:.2f}" for error in found.errors_px))
    _draw(coverage, path.with_suffix(".png"))
    return CameraFile(options.name, date.today().isoformat(), round(found.rms_px, 4), len(found.used), found.lens,
                      _capture(config))


def _shown(options: argparse.Namespace, board: Any, config: Any) -> Tuple[Any, Tuple[int, int]]:
    """Views worth keeping, of a folder's pictures or until enough was seen live; and the pictures' size."""
    from jetracer.calibrate.coverage import Coverage, still

    finder, coverage, before = board.finder(), None, None
    for image in _pictures(config, live=not options.pictures):
        height, width = image.shape[:2]
        coverage = coverage or Coverage(board, width, height)
        view = finder.find(image)
        if view is not None and (options.pictures or (before is not None and still(view, before, width))):
            coverage.offer(view)
        before = view
        done = "  ".join(f"{name} {share:4.0%}" for name, share in coverage.progress().items())
        show(f"    {'board seen' if view is not None else 'no board  '}  {done}   {coverage.hint()}")
        if coverage.done and not options.pictures:
            break
    show("")
    say("")
    if coverage is None:
        raise DeviceError("No picture came; look at the camera with: jetracer doctor")
    return coverage, (width, height)


def _pictures(config: Any, live: bool) -> Iterator[Any]:
    """One after the other; live until Return or Q where there is a terminal, else until enough was seen."""
    from contextlib import ExitStack

    from jetracer.camera.load import make_camera
    from jetracer.core.errors import CameraEnded
    from jetracer.teleop.terminal import Terminal

    with ExitStack() as stack:
        terminal: Optional[Terminal] = None
        if live:
            try:
                terminal = stack.enter_context(Terminal())
                say("Hold the board before the camera, still for a moment each time. Return: it is enough")
            except DeviceError:
                say("no terminal: it ends by itself when enough was seen")
        camera = stack.enter_context(make_camera(config))
        while terminal is None or not {"\n", "q", "stop"} & set(terminal.keys()):
            try:
                yield camera.read(LOOK_S).image
            except CameraEnded:
                return


def _mounted(options: argparse.Namespace, board: Any, config: Any, path: Path) -> Any:
    """The camera's file with its place on the car."""
    from jetracer.calibrate.mount import mount_from_floor, mount_from_horizon
    from jetracer.camera.calibration import load_camera

    if not path.exists():
        raise ConfigError(f"There is no {path}, where the lens would be, which comes first: "
                          f"jetracer calibrate camera --camera {options.camera} --name {options.name}")
    file = load_camera(path)
    if options.horizon is not None:
        if options.height is None:
            raise ConfigError("--horizon needs --height too: how far the lens is above the floor, in metres.")
        mount = mount_from_horizon(file.lens, options.horizon, options.height, options.forward)
    else:
        finder = board.finder()
        pictures = _pictures(config, live=not options.pictures)
        view, image = next(((view, image) for image in pictures for view in [finder.find(image)] if view), (None, None))
        if view is None:
            raise ConfigError("The board is not seen in any picture; lay it on the floor before the car, well lit.")
        lens = file.lens.resized(image.shape[1], image.shape[0])
        mount = mount_from_floor(lens, board, view, options.floor)
    say(f"height {100 * mount.height_m:.1f} cm, {100 * mount.forward_m:.1f} cm ahead of the rear axle, looking down by "
        f"{math.degrees(mount.pitch_rad):.1f} degrees, turned by {math.degrees(mount.roll_rad):.1f}")
    return replace(file, mount=mount)


def _capture(config: Any) -> Any:
    from jetracer.camera.calibration import Capture

    if config.name.startswith("replay"):
        return Capture()
    return Capture(config.capture_width, config.capture_height, config.flip)


def _draw(coverage: Any, path: Path) -> None:
    import cv2

    configuration.write_bytes(path, cv2.imencode(".png", coverage.picture())[1].tobytes())
    say(f"{path} shows where the board was seen")
