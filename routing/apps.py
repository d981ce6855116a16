"""The queue: nodes, items, listener and workers."""

from django.apps import AppConfig


class RoutingConfig(AppConfig):
    name = "routing"
    verbose_name = "Routing"

    def ready(self) -> None:
        from routing import accounts, workshop

        workshop.connect()
        accounts.connect()
