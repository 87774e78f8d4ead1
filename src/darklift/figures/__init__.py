"""Pictures about pictures: contact sheets and heat maps."""

__all__: list[str] = []
