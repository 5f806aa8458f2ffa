"""What serves the console, SQL and ClickHouse's clients on loopback."""

from __future__ import annotations

import socket

from starlette.applications import Starlette

from projections.serving.serving import served


def test_an_answer_in_two_pieces_is_sent_at_once() -> None:
    """Without this a small answer took 45 ms: its second piece waited for the client's acknowledgement of the first."""
    listener = socket.create_server(("127.0.0.1", 0))
    with served(Starlette(), listener, "answers"):
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
