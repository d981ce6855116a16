"""The queue: nodes, items, listener and workers."""

from django.apps import AppConfig


class RoutingConfig(AppConfig):
    name = "routing"
    verbose_name = "Routing"

    def ready(self) -> None:
        from routing.audit import guard as audit_guard
        from routing.people import accounts
        from routing.trials import workshop

        workshop.connect()
        accounts.connect()
        audit_guard.connect(self)
