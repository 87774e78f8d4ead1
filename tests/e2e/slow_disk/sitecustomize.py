"""Makes a process's files as slow as on a far disk (NFS, a share over the air): Python imports this at its start.

What goes to the disk below SLOW_FOLDER takes SLOW_SECONDS, up to twice as long at random.
"""

import builtins
import functools
import io
import os
import random
import time

FOLDER, SECONDS = os.environ["SLOW_FOLDER"], float(os.environ["SLOW_SECONDS"])


def slowed(function):
    @functools.wraps(function)
    def slow(path, *rest, **options):
        if isinstance(path, int) or os.fspath(path).startswith(FOLDER):
            time.sleep(SECONDS * random.uniform(1, 2))
        return function(path, *rest, **options)

    return slow


for name in ("open", "stat", "lstat", "fsync", "link", "rename", "replace", "unlink", "mkdir", "scandir", "listdir"):
    setattr(os, name, slowed(getattr(os, name)))
builtins.open = io.open = slowed(builtins.open)
