"""Make the user ``admin`` when nobody may administer the site yet."""

import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from routing.people.accounts import administrators

NAME = "admin"


class Command(BaseCommand):
    help = (
        "Make the user admin, with CAPACITOR_ADMIN_PASSWORD or a password that is printed once, "
        "unless somebody else may administer the site already."
    )

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        if (names := administrators().values_list("username", flat=True)).exists():
            # Each start of the service calls this, with verbosity 0; who calls it by hand has mostly lost a password.
            if options["verbosity"]:
                self.stdout.write(
                    f"Nobody is made, for these may administer the site: {', '.join(names)}."
                    " manage.py changepassword NAME gives one of them another password."
                )
            return
        if User.objects.filter(username=NAME).exists():
            # To give somebody's account all rights, or a new password, is for a person to decide.
            raise CommandError(
                f"nobody may administer the site, and user {NAME!r} exists already: run manage.py createsuperuser"
            )
        given: str = settings.CAPACITOR.admin_password
        password = given or secrets.token_urlsafe(12)
        user = User.objects.create_superuser(NAME, password=password)
        if group := Group.objects.filter(name="administrator").first():
            user.groups.add(group)
        shown = "from CAPACITOR_ADMIN_PASSWORD" if given else f"{password}  (shown this once)"
        self.stdout.write(f"Administrator   {NAME}, password {shown}")
