"""The command line's parser: argparse whose errors are one sentence, and whose wrong options get a "did you mean"."""
from __future__ import annotations

import argparse
from difflib import get_close_matches
from typing import Any, List, NoReturn, Optional

from jetracer.core.errors import ConfigError


class Parser(argparse.ArgumentParser):
    """Takes no abbreviations, so that an option that is added later changes no old command line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def parse_args(self, args: Optional[List[str]] = None, namespace: Any = None) -> Any:
        """Raises ConfigError for what it does not know."""
        options, rest = self.parse_known_args(args, namespace)
        if rest:
            self.refuse(rest)
        return options

    def refuse(self, rest: List[str]) -> NoReturn:
        """Raises ConfigError for the first of these words, with the option that it is nearest to."""
        word = rest[0].partition("=")[0]
        near = get_close_matches(word, self._options(), 1)
        self.error(f"Do not know what to do with {rest[0]!r}" + (f"; did you mean {near[0]!r}?" if near else "."))

    def _options(self) -> List[str]:
        """Its own and those of its jobs."""
        jobs = [job for action in self._actions if isinstance(action.choices, dict) for job in action.choices.values()]
        return [name for parser in (self, *jobs) for name in parser._option_string_actions]

    def error(self, message: str) -> NoReturn:
        """Raises ConfigError, which is told in one line, where argparse prints the usage and exits."""
        end = "" if message.endswith((".", "?")) else "."
        raise ConfigError(f"{message[:1].upper()}{message[1:]}{end} See: {self.prog} --help")
