"""``python -m darklift``: the same as ``darklift``, for where the interpreter is what is started."""

from darklift.cli import main

main()
