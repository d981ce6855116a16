"""What happens to people's accounts, noted in the audit log: logging in and out, changes of users, roles and rights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.cache import cache
from django.db import models
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.http import HttpRequest

from routing.audit.log import FAILED, audit, audit_here
from routing.audit.origin import origin
from routing.people.session_age import begin

_WATCHED = ("username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser", "name")
"""Columns of users and groups whose change is told with both values; of a password only that it changed."""
_FAILURES_A_MINUTE = 20
"""Failed log-ins from one address that are noted each; a guesser must not be able to fill the disk."""


def administrators() -> models.QuerySet[User]:
    """Who may change users, and so open the administration: all who are active and have the right, by whatever way."""
    return User.objects.with_perm("auth.change_user", backend="django.contrib.auth.backends.ModelBackend")


def connect() -> None:
    """Called once, when all apps are there."""
    user_logged_in.connect(_logged_in, dispatch_uid="audit")
    user_logged_out.connect(_logged_out, dispatch_uid="audit")
    user_login_failed.connect(_login_failed, dispatch_uid="audit")
    for table in (User, Group):
        pre_save.connect(_before_save, sender=table, dispatch_uid=f"audit {table.__name__}")
        post_save.connect(_after_save, sender=table, dispatch_uid=f"audit {table.__name__}")
        post_delete.connect(_after_delete, sender=table, dispatch_uid=f"audit {table.__name__}")
    for through in (User.groups.through, User.user_permissions.through, Group.permissions.through):
        m2m_changed.connect(_rights_changed, sender=through, dispatch_uid=f"audit {through.__name__}")


def _logged_in(request: HttpRequest, user: User, **_: Any) -> None:
    begin(request.session)
    if origin():
        audit(user.get_username(), "log in", user)


def _logged_out(request: HttpRequest, user: User | None, **_: Any) -> None:
    if origin() and user is not None:
        ended = getattr(request, "session_ended", "")
        audit(user.get_username(), "log out", user, **({"because": ended} if ended else {}))


def _login_failed(credentials: dict[str, Any], **_: Any) -> None:
    here = origin()
    if here is None:
        return
    key = f"failed-log-ins-{here.address}"
    cache.add(key, 0, 60)
    if cache.incr(key) > _FAILURES_A_MINUTE:
        return
    name = str(credentials.get("username", ""))
    # People type their password into the wrong field: a name that nobody has is not written down.
    known = User.objects.filter(username=name).exists()
    deed = "change password" if here.who() else "log in"
    audit(name if known else "", deed, name if known else "a name that nobody has", outcome=FAILED)


def _before_save(instance: models.Model, raw: bool = False, **_: Any) -> None:
    if origin() and not raw and instance.pk:
        instance._before = type(instance)._default_manager.filter(pk=instance.pk).values().first()  # type: ignore[attr-defined]


def _after_save(instance: models.Model, created: bool, raw: bool = False, **_: Any) -> None:
    here = origin()
    if here is None or raw:
        return
    if created:
        audit_here(f"create {_kind(instance)}", instance, id=instance.pk)
        return
    before: dict[str, Any] = getattr(instance, "_before", None) or {}
    changes: dict[str, Any] = {
        name: [before[name], getattr(instance, name)]
        for name in _WATCHED
        if name in before and before[name] != getattr(instance, name)
    }
    if "password" in before and before["password"] != getattr(instance, "password", ""):
        changes["password"] = "changed"  # noqa: S105  says that, not what
    if set(changes) == {"password"} and not here.who():
        # Nobody is logged in yet: the log-in itself has renewed the hash of the password.
        return
    if changes:
        audit_here(f"change {_kind(instance)}", instance, id=instance.pk, **changes)


def _after_delete(instance: models.Model, **_: Any) -> None:
    audit_here(f"delete {_kind(instance)}", instance)


def _rights_changed(
    instance: models.Model,
    action: str,
    reverse: bool,
    model: type[models.Model],
    pk_set: Iterable[int] | None,
    **_: Any,
) -> None:
    deeds = {"post_add": "added", "post_remove": "removed", "pre_clear": "all removed"}
    if action not in deeds or not origin() or (pk_set is not None and not pk_set):
        return
    others = model._default_manager.filter(pk__in=pk_set) if pk_set is not None else ()
    # From the other side ("the users of this group") each of them is the one whose rights change.
    whose = list(others) if reverse else [instance]
    what = "groups" if model is Group or (reverse and isinstance(instance, Group)) else "permissions"
    for one in whose:
        given = [_name(instance)] if reverse else [_name(other) for other in others]
        audit_here(f"change {what} of {_kind(one)}", one, how=deeds[action], which=given)


def _kind(instance: models.Model) -> str:
    return "role" if isinstance(instance, Group) else "user"


def _name(instance: models.Model) -> str:
    return str(instance.codename if isinstance(instance, Permission) else instance)
