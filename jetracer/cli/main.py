"""`jetracer VERB ...`: one verb per job, one file per verb; a verb's file is imported only when it is called.

Exit code 0: done. 1: the thing failed. 2: wrong usage. 130: ended by Ctrl-C. Errors are one
or two lines on standard error.
"""
from __future__ import annotations

import os
import sys
from difflib import get_close_matches
from importlib import import_module
from typing import List, Optional

from jetracer import __version__
from jetracer.core.errors import ConfigError, JetRacerError

VERBS = {
    "drive": "drive by itself: a simulated car, a recording, or the real car",
    "teleop": "drive by hand: gamepad or keyboard, the real car or a simulated one",
    "record": "drive by hand and record it, or repair a recording that was cut off",
    "evaluate": "score a road model: closed loop on unseen tracks, or on labelled frames",
    "data": "data sets: import, export, check, stats, split, label, movie, delete",
    "train": "a road model from labelled or driven pictures; loop: from few labels, or what to label next",
    "export": "weights of NVIDIA's notebooks as a model file that drives",
    "optimize": "a model into a smaller or faster one, and what that costs: fp16, int8",
    "build": "a model into the fastest engine that this computer can run, or the plan for another",
    "profile": "what each layer of a model costs, and how long it takes, here and on a Jetson",
    "bench": "how fast models are beside each other, measured in turns",
    "stop": "stop the car now; it stays in neutral until it is armed again",
    "kits": "which kit this car is built from, by the chips on its bus, and why",
    "calibrate": "find the car's centre, ends and dead band; its camera's lens and place",
    "display": "the car's display while nobody drives; runs until it is ended",
    "service": "start at boot, ready for the pilot: install, status, remove",
    "doctor": "what keeps the car from driving, and the command that mends it; model: what TensorRT refuses of one",
}


def main(arguments: Optional[List[str]] = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        return _dispatch(words)
    except JetRacerError as error:
        if interrupted(error):
            return _told_interrupted()
        if debug:
            raise
        print(f"jetracer: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return _told_interrupted()
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def interrupted(error: Optional[BaseException]) -> bool:
    """Whether Ctrl-C is behind an error: a package that it catches half imported says that it cannot be imported."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def _told_interrupted() -> int:
    below = "\n" if sys.stderr.isatty() else ""  # the line that the terminal wrote ^C into
    print(f"{below}jetracer: interrupted", file=sys.stderr)
    return 130


def _dispatch(words: List[str]) -> int:
    verb = words[0] if words else "--help"
    if verb in ("-h", "--help"):
        print(_help())
        return 0 if words else 2
    if verb == "--version":
        print(f"jetracer {__version__}")
        return 0
    if verb not in VERBS:
        near = get_close_matches(verb, VERBS, 1)
        raise ConfigError(
            f"There is no command {verb!r}{f'; did you mean {near[0]!r}?' if near else ''} See: jetracer --help"
        )
    return import_module(f"jetracer.cli.{verb}").main(words[1:])


def _help() -> str:
    rows = [f"  {verb:<10} {text}" for verb, text in VERBS.items()]
    return "\n".join([
        "usage: jetracer VERB [options]        options of a verb: jetracer VERB --help", "", *rows, "",
        "Every option of the configuration can be given as --group.name VALUE, such as --camera.width 320.",
        "--debug shows the traceback of an error.",
    ])


if __name__ == "__main__":
    sys.exit(main())
