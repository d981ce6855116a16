"""The queue: nodes, items, listener and workers."""

from django.apps import AppConfig


class RoutingConfig(AppConfig):
    name = "routing"
    verbose_name = "Routing"

    def ready(self) -> None:
        from routing import accounts, audit_guard, workshop

        workshop.connect()
        accounts.connect()
        audit_guard.connect(self)
