"""The process tree: nothing stays dead, nothing stays behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).resolve().parents[2]

TREE = """
import sys
from timebank.common.processes import Child, Tree
marks = sys.argv[1]
quick = Child("quick one", [sys.executable, "-c", f"open({marks!r}+'/starts','a').write('x')"])
calm = Child("calm one", [sys.executable, "-c",
    f"import os,time; open({marks!r}+'/calm','w').write(str(os.getpid())); time.sleep(60)"])
children = [calm, quick]
if sys.argv[2] == "vital":
    children = [calm, Child("web", [sys.executable, "-c", "raise SystemExit(3)"], vital=True)]
sys.exit(Tree(children, lambda text: print(text, flush=True)).run())
"""


def start(folder: Path, kind: str) -> subprocess.Popen[str]:
    """Start a small tree in a process of its own."""
    command = [sys.executable, "-c", TREE, str(folder), kind]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def wait_for(path: Path, content: int = 1) -> str:
    """Wait until a file is so long."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if path.exists() and len(path.read_text()) >= content:
            return path.read_text()
        time.sleep(0.05)
    raise AssertionError(f"{path.name} never came")


def is_alive(pid: int) -> bool:
    """Tell whether a process still runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("_case", "number"), [("Ctrl-C", signal.SIGINT), ("stop", signal.SIGTERM)])
def test_tree_restarts_the_dead_and_ends_all_when_asked(tmp_path, _case, number):
    tree = start(tmp_path, "plain")
    calm = int(wait_for(tmp_path / "calm"))
    wait_for(tmp_path / "starts", 2)
    tree.send_signal(number)
    said, _ = tree.communicate(timeout=20)
    assert tree.returncode == 0
    assert "The quick one ended (exit code 0); starting it again in 1 s." in said
    assert not is_alive(calm)


# A tree without children that looks after them all the time, asked to stop again and again at any moment.
ASKED = """
import os, random, signal, threading, time
from timebank.common import processes
processes.PAUSE = 1e-5
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # until the first tree listens
def ask():
    while True:
        time.sleep(random.uniform(0.0005, 0.004))
        os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=ask, daemon=True).start()
for _ in range(200):
    assert processes.Tree([], print).run() == 0
"""


def test_a_tree_ends_whenever_it_is_asked():
    subprocess.run([sys.executable, "-c", ASKED], cwd=ROOT, check=True, timeout=30)


def test_tree_gives_up_when_the_web_server_never_comes_up(tmp_path):
    tree = start(tmp_path, "vital")
    said, _ = tree.communicate(timeout=30)
    assert tree.returncode == 1
    assert "The web ended 3 times within seconds (exit code 3); giving up." in said


def test_children_do_not_outlive_a_killed_tree(tmp_path):
    tree = start(tmp_path, "plain")
    calm = int(wait_for(tmp_path / "calm"))
    os.kill(tree.pid, signal.SIGKILL)
    tree.communicate(timeout=20)
    deadline = time.monotonic() + 10
    while is_alive(calm) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(calm)


def test_serve_says_which_port_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=rf"Port {port} on 127.0.0.1 can't be used: Address already in use"):
            call_command("serve", port=str(port))


@pytest.mark.parametrize("port", ["", "web", "0", "70000"])
def test_serve_refuses_what_is_no_port(port):
    with pytest.raises(CommandError, match="PORT must be a number from 1 to 65535"):
        call_command("serve", port=port)
