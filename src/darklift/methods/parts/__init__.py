"""What the methods' networks and losses are built from: small ``blocks``, the published methods' ``unet`` and its
``norm``, and ``losses``.
"""

__all__: list[str] = []
