"""Line numbers of a TOML text, against hand counts and against the standard reader's paths."""

import json
import tomllib
from random import Random
from typing import Any

import pytest

from simulate.scenario.toml_lines import line_numbers


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    """All paths of parsed data, by walking it."""
    if isinstance(value, dict):
        items: Any = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {path} - {()}
    below = (_paths(item, (*path, key)) for key, item in items)
    return set().union({path} - {()}, *below)


def test_lines_of_a_text_with_everything() -> None:
    text = '''# comment with a [header] and a "quote
a = 1
"b \\u0041" = 'x' # after
[t]
x.y.z = 2
'q.r' = """
[not.a.header] = \\""" still inside
"""
arr = [ # comment ]
  1,

  [2, "],["], # more
  { k = 3, m.n = [4] },
]
[[list]]
n = 1
[list.sub]
[[list]]
when = 1979-05-27 07:32:00
[t.later . deep]
empty = {}
s = """"quoted""""
'''
    assert line_numbers(text) == {
        ("a",): 2,
        ("b A",): 3,
        ("t",): 4,
        ("t", "x"): 5,
        ("t", "x", "y"): 5,
        ("t", "x", "y", "z"): 5,
        ("t", "q.r"): 6,
        ("t", "arr"): 9,
        ("t", "arr", 0): 10,
        ("t", "arr", 1): 12,
        ("t", "arr", 1, 0): 12,
        ("t", "arr", 1, 1): 12,
        ("t", "arr", 2): 13,
        ("t", "arr", 2, "k"): 13,
        ("t", "arr", 2, "m"): 13,
        ("t", "arr", 2, "m", "n"): 13,
        ("t", "arr", 2, "m", "n", 0): 13,
        ("list",): 15,
        ("list", 0): 15,
        ("list", 0, "n"): 16,
        ("list", 0, "sub"): 17,
        ("list", 1): 18,
        ("list", 1, "when"): 19,
        ("t", "later"): 20,
        ("t", "later", "deep"): 20,
        ("t", "later", "deep", "empty"): 21,
        ("t", "later", "deep", "s"): 22,
    }


def test_header_after_its_subtable_gives_its_own_line() -> None:
    assert line_numbers("[a.b]\nx = 1\n\n[a]\ny = 2\n")[("a",)] == 4


def test_windows_line_ends_count_once() -> None:
    assert line_numbers("a = 1\r\n[b]\r\nc = '''\r\n\r\n'''\r\nd = 2\r\n")[("b", "d")] == 6


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment",
        "a=1",
        "a = [\n]\n",
        "a = [[],[[]],\n[1,2,],]",
        "a = {b={c={}}, 'd'.\"e\" = '''x'''}",
        'a = """\n\\"""" \nb = 2',
        "a = ''''x''''",
        'a = """a\\\\"""\nb = 1',
        'a = """""""" \nb = 1',
        '"".x = 1',
        "a = +1_0.5e-3 # c\nb = 0xFF\nc = 07:32:00\nd = inf\ne = true",
        "[[a]]\n[[a.b]]\n[[a.b]]\nc=1\n[[a]]\n[[a.b]]\n[a.b.d]\n",
        '"\\"" = 1\n"#" = 2\n"[" = 3',
        "  [ a . b ]  # x\n\t c = 1",
    ],
)
def test_paths_are_those_of_the_standard_reader(text: str) -> None:
    assert set(line_numbers(text)) == _paths(tomllib.loads(text))


class _Writer:
    """Random TOML documents full of what a scanner could stumble over."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def text(self, alphabet: str) -> str:
        return "".join(self.random.choices(alphabet, k=self.random.randrange(7)))

    def blank(self) -> str:
        return self.random.choice(["", "", " ", "\t "])

    def gap(self) -> str:
        return self.random.choice(["", " ", "\n", " # ] } \" '\n", "\n\n\t"])

    def key(self) -> str:
        kind = self.random.randrange(4)
        if kind == 0:
            return json.dumps(self.text("a.#\"'[]{}=\\ ,\té"))
        if kind == 1:
            return "'" + self.text('a.#"[]{}=\\ ,é') + "'"
        return self.random.choice(["a", "b", "c", "3", "-", "_x9"])

    def dotted(self) -> str:
        dot = self.blank() + "." + self.blank()
        return dot.join(self.key() for _ in range(self.random.choice([1, 1, 1, 2, 3])))

    def scalar(self) -> str:
        special = "a]}[{#,=\"' é"
        lines = json.dumps(self.text(special + "\n"), ensure_ascii=False)[1:-1]
        return self.random.choice(
            [
                str(self.random.randrange(-99, 99)),
                self.random.choice(["true", "-1.5e3", "inf", "1979-05-27 07:32:00.5", "07:32:00"]),
                json.dumps(self.text(special + "\\"), ensure_ascii=False),
                "'" + self.text(special.replace("'", "\\")) + "'",
                '"""'
                + lines.replace("\\n", "\n")
                + self.random.choice(["", "\\\n  ", '"'])
                + '"""',
                "'''" + self.text(special.replace("'", "\\\n")) + "'''",
                "'''" + self.random.choice(["'x", "x''", "''"]) + "'''",
            ]
        )

    def value(self, depth: int = 0) -> str:
        kind = self.random.randrange(4 if depth < 3 else 2)
        if kind < 2:
            return self.scalar()
        n = self.random.randrange(4)
        if kind == 2:
            items = [self.gap() + self.value(depth + 1) + self.gap() for _ in range(n)]
            return "[" + ",".join(items) + ("," if items and n < 2 else "") + self.gap() + "]"
        return "{" + ", ".join(self.pair(depth + 1) for _ in range(n)) + self.blank() + "}"

    def pair(self, depth: int = 0) -> str:
        return f"{self.dotted()}{self.blank()}={self.blank()}{self.value(depth)}"

    def line(self) -> str:
        kind = self.random.randrange(6)
        if kind == 0:
            return f"[{self.blank()}{self.dotted()}{self.blank()}]"
        if kind == 1:
            return f"[[{self.blank()}{self.dotted()}{self.blank()}]]"
        return "" if kind == 2 else self.pair()

    def document(self) -> str:
        comment = self.random.choice(["", " # [c] = '"])
        lines = [self.blank() + self.line() + comment for _ in range(self.random.randrange(9))]
        return self.random.choice(["\n", "\r\n"]).join(lines)


def test_paths_of_random_documents_are_those_of_the_standard_reader() -> None:
    n_accepted = 0
    for seed in range(4000):
        text = _Writer(seed).document()
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            continue
        n_accepted += 1
        lines = line_numbers(text)
        assert set(lines) == _paths(data), f"seed {seed}:\n{text}"
        assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())
    assert n_accepted > 1500
