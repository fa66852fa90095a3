"""Values that commands print cannot control the terminal."""

import io
import subprocess
import sys

from workbench.run.terminal.guarding import GuardedStream, visible


class Terminal(io.StringIO):
    def isatty(self):
        return True


def written(text, stream=None):
    stream = stream or io.StringIO()
    assert GuardedStream(stream).write(text) == len(text)
    return stream.getvalue()


def test_control_characters_become_escapes_and_text_stays():
    assert written("客户　画像\tx\n") == "客户　画像\tx\n"
    assert written("a\x1b[2Jb\rc\x07\x9b") == "a\\x1b[2Jb\\rc\\x07\\x9b"
    assert written("a\u202eb") == "a\\u202eb" and visible("a\x1bb") == "a\\x1bb"


def test_on_a_terminal_colours_pass_and_nothing_else():
    assert written("\x1b[1;32mok\x1b[0m \x1b]0;title\x07", Terminal()) == "\x1b[1;32mok\x1b[0m \\x1b]0;title\\x07"
    assert written("\x1b[31mred") == "\\x1b[31mred"


def test_what_a_command_prints_holds_no_escape():
    code = "from workbench.run.commands import cli; cli.app = lambda **_: print('value \\x1b]0;owned\\x07'); cli.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"value \\x1b]0;owned\\x07\n"
