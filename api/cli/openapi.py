"""`daybook openapi`: what the API looks like, for generators of clients and documentation."""

from api.cli.output import say_json


def openapi() -> None:
    """Print the OpenAPI document. Needs no server, no database and no settings."""
    from api.app import create_app
    from infrastructure.settings import Settings

    say_json(create_app(Settings.model_construct()).openapi())
