"""``python -m darklift.cli``: the same as ``darklift``, where only the interpreter is known (accelerate launch, for one)."""

from darklift.cli import main

main()
