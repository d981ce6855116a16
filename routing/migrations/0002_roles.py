"""The roles of the site as groups; each may what the one before it may, and more."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

SEEN = {
    "routing": (
        "applicationlogline", "attempt", "auditrecord", "historyentry", "itemlogline", "knownsender", "node",
        "nodestatus", "preparereport", "queueitem", "serviceprocess", "unknownsender",
    ),
    "scripts_app": ("entrycondition", "lualibrary", "luaentry", "scriptversion"),
}
EDITED_BY_OPERATORS = {"routing": ("knownsender", "unknownsender")}
EDITED_BY_AUTHORS = {"scripts_app": ("entrycondition", "lualibrary", "luaentry")}
ADMINISTERED = ("routing", "scripts_app", "auth", "axes")


def permissions_of(models, *actions):
    return {(app, f"{action}_{model}") for app, names in models.items() for model in names for action in actions}


def roles(permission_model):
    viewer = permissions_of(SEEN, "view")
    operator = viewer | permissions_of(EDITED_BY_OPERATORS, "add", "change", "delete")
    operator |= {("routing", "operate_queue"), ("routing", "operate_nodes")}
    # Whoever edits scripts may run code on the server, so withholding the buttons would protect nothing.
    author = operator | permissions_of(EDITED_BY_AUTHORS, "add", "change", "delete") | {("scripts_app", "edit_scripts")}
    everything = permission_model.objects.filter(content_type__app_label__in=ADMINISTERED)
    return {
        "viewer": viewer,
        "operator": operator,
        "script author": author,
        "administrator": author | set(everything.values_list("content_type__app_label", "codename")),
    }


def make_roles(apps, schema_editor):
    # Django makes permissions only after the last migration; groups need them now.
    for label in ADMINISTERED:
        create_permissions(installed.get_app_config(label), verbosity=0, using=schema_editor.connection.alias)
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    for name, wanted in roles(Permission).items():
        group, _ = Group.objects.get_or_create(name=name)
        for app, codename in sorted(wanted):
            group.permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))


class Migration(migrations.Migration):
    dependencies = [
        ("routing", "0001_initial"),
        ("scripts_app", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    # Groups that people have filled with users stay when the migration is undone.
    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
