"""Django admin: every table of the router and of the scripts, registered from routing.administration."""

from routing.administration import nodes, people, queue, records, scripts, senders

__all__ = ["nodes", "people", "queue", "records", "scripts", "senders"]
