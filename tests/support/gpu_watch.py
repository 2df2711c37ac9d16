"""Imported by a fork server first: reports on stderr any use of a GPU in that process, but not in its forks."""

import os
import sys
import traceback

import torch

WATCHING, ASKED = "calls of torch.cuda are watched", "asks for a GPU"
SERVER = os.getpid()


def watched(name: str, function):
    """``function``, which says in the server that it was called, and from where."""

    def call(*arguments, **named):
        if os.getpid() == SERVER:
            print(f"{ASKED}: torch.cuda.{name}", *traceback.format_stack(), file=sys.stderr, flush=True)
        return function(*arguments, **named)

    return call


for name in ("is_available", "device_count", "current_device", "_lazy_init"):
    setattr(torch.cuda, name, watched(name, getattr(torch.cuda, name)))
print(WATCHING, file=sys.stderr, flush=True)
