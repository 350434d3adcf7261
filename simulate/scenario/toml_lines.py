"""Where each value of a TOML text begins, which the standard reader does not tell."""

from __future__ import annotations

import re
import tomllib

from simulate.scenario.reading import Path

_BLANK = re.compile(r"[ \t]*")
# White space, line ends and comments, which may stand between the elements of an array.
_GAP = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_STRINGS = (
    # A multi-line string may end in one or two quotes of its own before the three that close it.
    re.compile(r'"""(?:\\.|[^\\])*?"""(?:"{0,2})', re.DOTALL),
    re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL),
    re.compile(r'"(?:\\.|[^"\\\n])*"'),
    re.compile(r"'[^'\n]*'"),
)


def line_numbers(text: str) -> dict[Path, int]:
    """Line on which every table, key and array element of a TOML text begins.

    Parameters
    ----------
    text : str
        A text that ``tomllib.loads`` accepts.

    Returns
    -------
    dict of tuple of str and int to int
        Line, from 1, by path of keys and positions in arrays. A table has the line of its header
        if it has one, else of the first key that implies it.
    """
    return _Scanner(text.replace("\r\n", "\n")).document()


class _Scanner:
    """One pass over a text known to be sound; ``at`` is the position reached."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._counted = (0, 1)
        self._n_elements: dict[Path, int] = {}

    def document(self) -> dict[Path, int]:
        """Scan the whole text."""
        table: Path = ()
        self._skip(_GAP)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_GAP)
        return self.lines

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def _line(self) -> int:
        position, line = self._counted
        line += self.text.count("\n", position, self.at)
        self._counted = (self.at, line)
        return line

    def _header(self) -> Path:
        """Scan ``[a.b]`` or ``[[a.b]]``; the path of the table that it opens."""
        line = self._line()
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        self._skip(_BLANK)
        *parents, last = self._key()
        self._skip(_BLANK)
        self.at += 2 if is_array else 1
        path: Path = ()
        for part in parents:
            path = self._current((*path, part))
            self.lines.setdefault(path, line)
        path = (*path, last)
        if is_array:
            self.lines.setdefault(path, line)
            self._n_elements[path] = self._n_elements.get(path, 0) + 1
            path = self._current(path)
        self.lines[path] = line
        return path

    def _current(self, path: Path) -> Path:
        """Extend the path of an array of tables by the element that is being written."""
        n = self._n_elements.get(path)
        return path if n is None else (*path, n - 1)

    def _pair(self, table: Path) -> None:
        """Scan ``a.b = value``."""
        line = self._line()
        path = table
        for part in self._key():
            path = (*path, part)
            self.lines.setdefault(path, line)
        self.at += 1
        self._skip(_BLANK)
        self._value(path)

    def _key(self) -> list[str]:
        """Scan a dotted key and the blanks after it."""
        parts: list[str] = []
        while True:
            start = self.at
            if self.text[start] in "\"'":
                self._string()
                # Escapes are the standard reader's business.
                parts.extend(tomllib.loads(f"{self.text[start : self.at]} = 0"))
            else:
                self._skip(_BARE_KEY)
                parts.append(self.text[start : self.at])
            self._skip(_BLANK)
            if self.text[self.at] != ".":
                return parts
            self.at += 1
            self._skip(_BLANK)

    def _string(self) -> None:
        for pattern in _STRINGS:
            match = pattern.match(self.text, self.at)
            if match is not None:
                self.at = match.end()
                return

    def _value(self, path: Path) -> None:
        opening = self.text[self.at]
        if opening in "\"'":
            self._string()
        elif opening == "[":
            self._members(path, "]")
        elif opening == "{":
            self._members(path, "}")
        else:
            self._skip(_SCALAR)

    def _members(self, path: Path, closing: str) -> None:
        """Scan the elements of an array or the pairs of an inline table."""
        self.at += 1
        self._skip(_GAP)
        n = 0
        while self.text[self.at] != closing:
            if closing == "]":
                element = (*path, n)
                self.lines[element] = self._line()
                self._value(element)
            else:
                self._pair(path)
            n += 1
            self._skip(_GAP)
            if self.text[self.at] == ",":
                self.at += 1
                self._skip(_GAP)
        self.at += 1
