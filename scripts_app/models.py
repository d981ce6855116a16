"""Lua entries with their conditions, library files, their versions, draft, activations and tests."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.db import connection, models

from scripts_app.core.conditions.condition import Condition
from scripts_app.core.library_path import IllegalPath, checked_path
from scripts_app.revision import Revised, ScriptRevision, count_changes_of

__all__ = [
    "Activation",
    "EntryCondition",
    "LuaEntry",
    "LuaLibrary",
    "SampleCapture",
    "ScriptDraft",
    "ScriptRevision",
    "ScriptSample",
    "ScriptTest",
    "ScriptVersion",
]


def legal_library_path(value: str) -> None:
    """Form validator: relative, ends in .lua, stays inside the configuration directory."""
    try:
        checked_path(value)
    except IllegalPath as error:
        raise ValidationError(str(error)) from error


def unix_lines(text: str) -> str:
    r"""The text with ``\n`` as its only line end; browsers send ``\r\n``, which would change every fingerprint."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def overlong(table: type[models.Model], column: str, key: str, text: str) -> Iterator[str]:
    """Why the text cannot be stored, if it cannot; SQLite keeps to no length."""
    most: int = getattr(table._meta.get_field(column), "max_length")  # noqa: B009  a relation would have none
    if connection.vendor == "postgresql" and len(text) > most:
        yield f"{key} has {len(text)} characters; PostgreSQL keeps at most {most}"


class LuaLibrary(Revised):
    """One .lua file: for include(), or as the script of an entry."""

    path = models.CharField(max_length=200, unique=True, validators=[legal_library_path])
    source = models.TextField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["path"]
        verbose_name_plural = "Lua libraries"

    def __str__(self) -> str:
        return self.path

    def clean(self) -> None:
        self.source = unix_lines(self.source)


class LuaEntry(Revised):
    """One entry of lua.yml."""

    class OnError(models.TextChoices):
        SKIP = "skip"
        FAIL = "fail"

    draft_key = models.CharField(
        max_length=40, blank=True, editable=False, help_text="what a draft called it before it had a number"
    )
    position = models.PositiveIntegerField(default=0, help_text="entries run in this order")
    description = models.CharField(max_length=200, blank=True)
    enabled = models.BooleanField(default=True)
    script = models.TextField(blank=True, help_text="inline Lua")
    library = models.ForeignKey(
        LuaLibrary,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="entries",
        help_text="or a file instead",
    )
    ae_titles = models.JSONField(default=list, blank=True, help_text="destinations it applies to; empty: all")
    on_error = models.CharField(max_length=4, choices=OnError.choices, default=OnError.SKIP)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["position", "id"]
        verbose_name = "Lua entry"
        verbose_name_plural = "Lua entries"
        permissions = [("edit_scripts", "Edit, try, activate and roll back scripts")]

    def __str__(self) -> str:
        return self.description or f"entry at position {self.position}"

    @property
    def key(self) -> str:
        """What drafts, activations and addresses call it, for good."""
        return self.draft_key or str(self.pk)

    def clean(self) -> None:
        self.script = unix_lines(self.script)
        if bool(self.script.strip()) == bool(self.library):
            raise ValidationError("an entry has either an inline script or a library file")


class EntryCondition(Revised):
    """One condition of an entry, or of the items of a sequence that another condition names."""

    entry = models.ForeignKey(LuaEntry, on_delete=models.CASCADE, related_name="conditions")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="sequence_items")
    position = models.PositiveIntegerField(default=0)
    tag = models.CharField(max_length=64, help_text="keyword or gggg,eeee")
    match_expression = models.CharField(max_length=1000, blank=True)
    search = models.BooleanField(default=False, help_text="look in all sequences too")
    private_tag_creator = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return f"{self.tag} = {self.match_expression}"

    @classmethod
    def overlong(cls, condition: Condition) -> Iterator[str]:
        """What of it, or of those inside it, is too long to be stored."""
        texts = {"MatchExpression": condition.match_expression, "PrivateTagCreator": condition.private_tag_creator}
        for column, (key, text) in zip(("match_expression", "private_tag_creator"), texts.items(), strict=True):
            yield from overlong(cls, column, f"{condition.tag}: {key}", text)
        for inner in condition.sequence_items:
            yield from cls.overlong(inner)


class ScriptVersion(models.Model):
    """
    The enabled entries and all libraries at one moment, as one unit.

    Made when a worker first meets that content; never changed.  Every item keeps
    the version that prepared it.
    """

    sha256 = models.CharField(max_length=64, unique=True)
    content = models.JSONField(help_text="entries in order with conditions, and libraries by path")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"version {self.id} ({self.sha256[:8]})"


class ScriptDraft(models.Model):
    """The one row (id 1) with what people have changed and not activated yet; it does nothing."""

    content = models.JSONField(help_text="all entries and libraries as they would become")
    base = models.JSONField(help_text="the active entries and libraries that the draft began from")
    counter = models.PositiveBigIntegerField(default=1, help_text="grows with each change")
    updated_by = models.CharField(max_length=150)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"draft, change {self.counter} by {self.updated_by}"


class Activation(models.Model):
    """That scripts became the active ones: who, when, why; never changed."""

    version = models.ForeignKey(ScriptVersion, on_delete=models.PROTECT, related_name="activations")
    content = models.JSONField(help_text="all entries and libraries, disabled ones too")
    actor = models.CharField(max_length=150)
    reason = models.CharField(max_length=500)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"activation {self.id} by {self.actor}"


class ScriptSample(models.Model):
    """An image that somebody has kept to try scripts on."""

    name = models.CharField(max_length=100, unique=True)
    image = models.BinaryField(help_text="a DICOM file")
    size = models.PositiveIntegerField(help_text="bytes")
    about = models.CharField(max_length=200, help_text="what kind of image it is")
    source_ae_title = models.CharField(max_length=16)
    destination_ae_title = models.CharField(max_length=16, blank=True)
    deidentified = models.BooleanField(default=False)
    note = models.CharField(max_length=500, blank=True, help_text="what de-identification has done")
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SampleCapture(models.Model):
    """Somebody waits for the next image that meets conditions; its copy becomes a sample."""

    name = models.CharField(max_length=100, help_text="of the sample")
    conditions = models.JSONField(default=list)
    source_ae_title = models.CharField(max_length=16, blank=True, help_text="blank: from anybody")
    called_ae_title = models.CharField(max_length=16, blank=True, help_text="blank: for anybody")
    deidentify = models.BooleanField(default=True)
    looked_until = models.BigIntegerField(help_text="items up to this one have been looked at")
    looked_at = models.PositiveIntegerField(default=0, help_text="how many images did not match")
    expires_at = models.DateTimeField()
    sample = models.ForeignKey(ScriptSample, null=True, blank=True, on_delete=models.CASCADE, related_name="captures")
    problem = models.CharField(max_length=500, blank=True, help_text="why it was given up")
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"capture of {self.name}"


class ScriptTest(models.Model):
    """An image, and what the scripts are expected to make of it; run before a draft is activated."""

    name = models.CharField(max_length=100, unique=True)
    bundled = models.CharField(max_length=20, blank=True, help_text="name of a synthetic image")
    image = models.BinaryField(null=True, help_text="or a DICOM file")
    source_ae_title = models.CharField(max_length=16)
    destination_ae_title = models.CharField(max_length=16)
    deidentified = models.BooleanField(default=False, help_text="the image tells of nobody")
    given = models.JSONField(default=dict, blank=True, help_text="state, queue and nodes as set for the run")
    expected = models.JSONField(help_text="result, destinations and changed elements")
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


for _table in (LuaLibrary, LuaEntry, EntryCondition):
    count_changes_of(_table)
