"""Somebody in front of the browser: logged in, with a role, and with patient data only where a test says so."""

import html
import re

from django.contrib.auth.models import Group, Permission, User
from django.http import HttpResponse
from django.test import Client

HTMX = {"HX-Request": "true"}


def person(role: str, *, phi: bool = False) -> User:
    user, _ = User.objects.get_or_create(username=f"the {role}")
    if role != "nobody":
        user.groups.add(Group.objects.get(name=role))
    if phi:
        user.user_permissions.add(Permission.objects.get(codename="view_phi"))
    return user


def visitor(role: str = "viewer", *, phi: bool = False) -> Client:
    client = Client()
    client.force_login(person(role, phi=phi))
    return client


def words(answer: HttpResponse) -> str:
    """What a person reads on a page."""
    text = re.sub(r"</?(?:a|code|del|ins|q|span|strong|time)\b[^>]*>", "", answer.content.decode())
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))
