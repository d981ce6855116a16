"""The pages of the router."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from routing.views import (
    account,
    dashboard,
    health,
    item,
    logs,
    node_echo,
    nodes,
    queue,
    queue_actions,
    scripts,
    senders,
    traffic,
)

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("traffic/", traffic.traffic, name="traffic"),
    path("queue/", queue.queue, name="queue"),
    path("queue/retry/", queue_actions.queue_retry_matching, name="queue_retry_matching"),
    path("queue/<int:item_id>/", item.queue_item, name="queue_item"),
    path("queue/<int:item_id>/send-again/", queue_actions.queue_send_again, name="queue_send_again"),
    path("queue/<int:item_id>/prepare-again/", queue_actions.queue_prepare_again, name="queue_prepare_again"),
    path("queue/<int:item_id>/fail/", queue_actions.queue_fail, name="queue_fail"),
    path("queue/<int:item_id>/reject/", queue_actions.queue_reject, name="queue_reject"),
    path("nodes/", nodes.nodes, name="nodes"),
    path("nodes/new/", nodes.node_create, name="node_create"),
    path("nodes/<int:node_id>/", nodes.node_edit, name="node_edit"),
    path("nodes/<int:node_id>/pause/", nodes.node_pause, name="node_pause"),
    path("nodes/<int:node_id>/resume/", nodes.node_resume, name="node_resume"),
    path("nodes/<int:node_id>/echo/", node_echo.node_echo, name="node_echo"),
    path("senders/", senders.senders, name="senders"),
    path("senders/new/", senders.sender_create, name="sender_create"),
    path("senders/<int:sender_id>/", senders.sender_edit, name="sender_edit"),
    path("senders/<int:sender_id>/delete/", senders.sender_delete, name="sender_delete"),
    path("senders/unknown/<int:sender_id>/allow/", senders.sender_allow, name="sender_allow"),
    path("scripts/", scripts.scripts, name="scripts"),
    path("logs/", logs.application_log, name="application_log"),
    path("logs/audit/", logs.audit_log, name="audit_log"),
    path("login/", account.LogIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password/", account.PasswordChange.as_view(), name="password_change"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
