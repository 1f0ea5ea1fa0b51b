"""Make `.venv` from the locked requirements, once per state of the lock.

Needs nothing but a Python of 3.11 or newer, and says in words what is missing. Written so that an older Python can
still read this file and answer.
"""

import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCK = os.path.join(ROOT, "requirements.txt")
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, ".shanji-lock")


def stop(sentence):
    sys.stderr.write("\n" + sentence + "\n")
    sys.exit(1)


def digest():
    with open(LOCK, "rb") as file:
        return hashlib.sha256(file.read() + repr(sys.version_info[:2]).encode()).hexdigest()


def is_ready(wanted):
    try:
        with open(STAMP) as file:
            return file.read().strip() == wanted and os.path.exists(PYTHON)
    except OSError:
        return False


def check_python():
    if sys.version_info < (3, 11):
        stop(
            "Shanji needs Python 3.11 or newer; this is %d.%d (%s).\n"
            "Install a newer one and name it: make setup PYTHON=python3.12" % (sys.version_info[:2] + (sys.executable,))
        )
    try:
        import ensurepip  # noqa: F401 (only whether it is there)
        import venv  # noqa: F401
    except ImportError as error:
        stop(
            "This Python comes without %s, which is needed to make a virtual environment.\n"
            "On Debian and Ubuntu: apt-get install python3-venv" % error.name
        )


def make():
    if os.path.isdir(VENV):
        shutil.rmtree(VENV)
    print("Making a virtual environment in .venv …")
    if subprocess.call([sys.executable, "-m", "venv", VENV]) != 0:
        stop(
            "The virtual environment could not be made; the lines above say why.\n"
            "On Debian and Ubuntu this helps most often: apt-get install python3-venv"
        )


def fill():
    print("Installing what requirements.txt locks, each file checked by its hash (a minute or two) …")
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    # Versions are pinned, so pip takes the wheel where there is one and builds the (equally hashed) source where not.
    if subprocess.call(command + ["-r", LOCK]) != 0:
        stop(
            "The packages could not be installed; the lines above say why. If it is the network, run it again: "
            "what was fetched is kept."
        )


def main():
    check_python()
    if os.path.islink(VENV):
        return  # somebody shares one environment between checkouts on purpose, and keeps it
    wanted = digest()
    if is_ready(wanted):
        return
    make()
    fill()
    with open(STAMP, "w") as file:
        file.write(wanted)
    print("Ready.")


if __name__ == "__main__":
    main()
