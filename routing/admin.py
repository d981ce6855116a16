"""Django admin: every table of the router and of the scripts, registered from routing.administration."""

from django.contrib import admin

from routing.administration import nodes, queue, records, scripts, senders

__all__ = ["nodes", "queue", "records", "scripts", "senders"]

admin.site.site_header = admin.site.site_title = "Capacitor Web administration"
admin.site.index_title = "All tables"
