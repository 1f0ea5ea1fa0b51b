"""``python -m marketplace.payments.practice --port 8021 --hook http://127.0.0.1:8000/stripe/webhook``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from marketplace.payments.practice import api
from marketplace.payments.practice.server import Server


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="Practice payments: a double of Stripe on this machine only.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--hook", help="address that is told of events")
    parser.add_argument("--file", type=Path, help="where to keep the state")
    words = parser.parse_args()
    server = Server(words.port, file=words.file)
    secret = os.environ.get("PRACTICE_WEBHOOK_SECRET", "")
    if words.hook and secret:
        server.world.order["webhook_endpoint"] = []
        api.add_endpoint(server.world, words.hook, secret)

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        server.serve_forever(0.2)
    finally:
        server.courier.stop()
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
