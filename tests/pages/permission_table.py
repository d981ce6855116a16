"""What each role may do on every address of the site: the one table that the permission matrix is tested against."""

from collections.abc import Iterator

from django.urls import get_resolver

EVERYBODY, ANYBODY = "everybody", "nobody"
"""Also without logging in; whoever is logged in, also without a role."""
VIEWER, OPERATOR, AUTHOR, ADMINISTRATOR = "viewer", "operator", "script author", "administrator"
LADDER = ("anonymous", ANYBODY, VIEWER, OPERATOR, AUTHOR, ADMINISTRATOR)
"""Each may what the one before it may, and more."""
NEVER = None
"""The address does not know the method: 405."""
FORBIDDEN = "forbidden to all"

PAGES: dict[str, tuple[str | None, str | None]] = {
    # name: the least role for GET, the least role for POST
    **dict.fromkeys(("healthz", "readyz"), (EVERYBODY, NEVER)),
    "login": (EVERYBODY, EVERYBODY),
    "logout": (NEVER, ANYBODY),
    "password_change": (ANYBODY, ANYBODY),
    **dict.fromkeys(("dashboard", "traffic", "failures", "queue", "queue_csv", "queue_json"), (VIEWER, NEVER)),
    **dict.fromkeys(("queue_item", "item_related", "item_elements", "studies", "study"), (VIEWER, NEVER)),
    **dict.fromkeys(("nodes", "node", "node_called", "senders"), (VIEWER, NEVER)),
    **dict.fromkeys(("application_log", "application_log_csv", "application_log_jsonl"), (VIEWER, NEVER)),
    **dict.fromkeys(("audit_log", "audit_log_csv", "audit_log_jsonl"), (VIEWER, NEVER)),
    # Of the roles only administrators hold view_phi; others get it person by person.
    **dict.fromkeys(("item_preview", "item_image", "item_download"), (ADMINISTRATOR, NEVER)),
    "quarantine": (VIEWER, NEVER),
    "quarantine_download": (ADMINISTRATOR, NEVER),
    **dict.fromkeys(("quarantine_take", "quarantine_delete"), (NEVER, OPERATOR)),
    "queue_ask": (OPERATOR, NEVER),
    **dict.fromkeys(("queue_act", "queue_undo", "queue_stop"), (NEVER, OPERATOR)),
    **dict.fromkeys(("queue_send_again", "queue_prepare_again", "queue_fail", "queue_reject"), (NEVER, OPERATOR)),
    "queue_try_now": (NEVER, OPERATOR),
    **dict.fromkeys(("node_pause", "node_resume", "node_echo", "node_test_image", "node_schedule"), (NEVER, OPERATOR)),
    **dict.fromkeys(("sender_create", "sender_edit"), (OPERATOR, OPERATOR)),
    **dict.fromkeys(("sender_delete", "sender_allow"), (NEVER, OPERATOR)),
    **dict.fromkeys(("node_create", "node_edit", "node_delete"), (ADMINISTRATOR, ADMINISTRATOR)),
    **dict.fromkeys(("node_enable", "node_disable"), (NEVER, ADMINISTRATOR)),
    **dict.fromkeys(("scripts", "script_versions", "script_version", "script_version_of"), (VIEWER, NEVER)),
    **dict.fromkeys(("script_entry_new", "script_entry", "script_library_new", "script_library"), (AUTHOR, AUTHOR)),
    **dict.fromkeys(("script_draft", "script_names", "script_tests"), (AUTHOR, NEVER)),
    **dict.fromkeys(("script_entry_up", "script_entry_down", "script_entry_toggle"), (NEVER, AUTHOR)),
    **dict.fromkeys(("script_entry_place", "script_entry_titles"), (NEVER, AUTHOR)),
    "script_titles": (VIEWER, NEVER),
    "script_test": (AUTHOR, AUTHOR),
    **dict.fromkeys(("script_entry_delete", "script_library_delete", "script_test_delete"), (NEVER, AUTHOR)),
    **dict.fromkeys(("script_activate", "script_discard", "script_take_over", "script_roll_back"), (NEVER, AUTHOR)),
    **dict.fromkeys(("script_condition", "script_lint", "script_sample", "script_dry_run"), (NEVER, AUTHOR)),
    **dict.fromkeys(("script_output", "script_sample_picture", "script_sample_keep"), (NEVER, AUTHOR)),
    **dict.fromkeys(("script_sample_use", "script_sample_delete"), (NEVER, AUTHOR)),
    **dict.fromkeys(("script_capture", "script_capture_delete"), (NEVER, AUTHOR)),
    "script_samples": (AUTHOR, NEVER),
    **dict.fromkeys(("script_tests_run", "script_test_save", "version_accept"), (NEVER, AUTHOR)),
    **dict.fromkeys(("fix", "rehearsals", "rehearsal", "rehearsal_ask", "rehearsed_image"), (AUTHOR, NEVER)),
    **dict.fromkeys(("fix_begin", "fix_end"), (NEVER, AUTHOR)),
    **dict.fromkeys(("rehearsal_begin", "rehearsal_shadow", "rehearsal_end"), (NEVER, AUTHOR)),
    **dict.fromkeys(("configuration", "configuration_export"), (ADMINISTRATOR, NEVER)),
    **dict.fromkeys(("configuration_plan", "configuration_apply"), (NEVER, ADMINISTRATOR)),
    "admin:login": (EVERYBODY, EVERYBODY),
    "admin:logout": (NEVER, ANYBODY),
    **dict.fromkeys(("admin:index", "admin:app_list"), (ADMINISTRATOR, ADMINISTRATOR)),
    "admin:password_change": (ADMINISTRATOR, ADMINISTRATOR),
    "admin:password_change_done": (ADMINISTRATOR, NEVER),
    # Nothing of the administration offers completion, so nobody may ask for it.
    "admin:autocomplete": (FORBIDDEN, NEVER),
    "admin:jsi18n": (ADMINISTRATOR, NEVER),
    "admin:view_on_site": (ADMINISTRATOR, ADMINISTRATOR),
    "admin:auth_user_password_change": (ADMINISTRATOR, ADMINISTRATOR),
}
EDITED = {
    *("auth_group", "auth_user", "routing_node", "routing_knownsender"),
    *("scripts_app_luaentry", "scripts_app_lualibrary"),
}
"""Tables that administrators add to, change and delete from."""
SWEPT = {"axes_accessattempt", "axes_accesslog", "axes_accessfailurelog", "routing_unknownsender"}
"""Tables that administrators look at and delete from: ended locks, senders that nobody wants."""
LOOKED_AT = {
    "routing_quarantinedinstance",
    *("routing_queueitem", "routing_historyentry", "routing_attempt", "routing_itemlogline", "routing_preparereport"),
    *("routing_auditrecord", "routing_auditseal", "routing_applicationlogline", "routing_scopedstate", "routing_lane"),
    *("routing_serviceprocess", "routing_trafficminute", "routing_trafficmark", "routing_operatoraction"),
    *("routing_operatorstep", "scripts_app_scriptversion", "scripts_app_scriptdraft", "scripts_app_activation"),
    *("scripts_app_scriptsample", "scripts_app_samplecapture"),
    *("scripts_app_scripttest", "routing_versiontally", "routing_nodeoutage", "routing_versionmark"),
    *("routing_rehearsal", "routing_rehearsedimage"),
}
"""Tables that tell what happened, or that the engine keeps: nobody changes them here."""


def addresses() -> Iterator[tuple[str, str]]:
    """Every pattern of the URLconf: its name with its namespace (the pattern itself where it has none), and itself."""
    yield from _walk(get_resolver().url_patterns, "", "")


def _walk(patterns, namespace: str, before: str) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, inner, route)
        else:
            yield (f"{namespace}{pattern.name}" if pattern.name else route), route


def rule(name: str) -> tuple[str | None, str | None] | None:
    """The least roles for GET and POST; None when the table says nothing of this address."""
    if name in PAGES:
        return PAGES[name]
    table, _, page = name.removeprefix("admin:").rpartition("_")
    if not name.startswith("admin:") or page not in ("changelist", "add", "change", "delete", "history"):
        return None
    read, write = (ADMINISTRATOR, ADMINISTRATOR), (FORBIDDEN, FORBIDDEN)
    if table in EDITED:
        return read
    if table in SWEPT:
        # Nobody corrects by hand what the listener has written down.
        corrected = table.startswith("axes_")
        return write if page == "add" else read if page != "change" or corrected else (ADMINISTRATOR, FORBIDDEN)
    if table in LOOKED_AT:
        return {"add": write, "delete": write, "change": (ADMINISTRATOR, FORBIDDEN)}.get(page, read)
    return None


def leads_elsewhere(name: str) -> bool:
    """Patterns of the administration without a name: they only send on to another address, which has its own rule."""
    return name in ("admin/(?P<url>.*)$",) or (name.startswith("admin/") and name.endswith("/<path:object_id>/"))
