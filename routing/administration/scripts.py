"""Admin of the scripts; registered here and not beside their models, since only routing knows nodes and audit log."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ForeignKey, Model, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse

from routing.administration.meanwhile import SeenForm
from routing.administration.pages import Audited, Kept, WithPatientData
from routing.forms.merging import MergingForm
from routing.forms.nodes import LinesField
from routing.models import Node
from scripts_app.activation import note_activation
from scripts_app.core.conditions.check import check_condition
from scripts_app.core.conditions.condition import Condition
from scripts_app.core.lua.source import check_script
from scripts_app.core.nearest import did_you_mean
from scripts_app.models import (
    Activation,
    EntryCondition,
    LuaEntry,
    LuaLibrary,
    SampleCapture,
    ScriptDraft,
    ScriptSample,
    ScriptTest,
    ScriptVersion,
)
from scripts_app.revision import hold

_EDITED = "edited in the administration"
_CODE = forms.Textarea(attrs={"rows": 20, "cols": 100, "spellcheck": "false", "class": "vLargeTextField"})


def _lua(source: str, name: str) -> str:
    """The source, or a ValidationError for each line that is no Lua."""
    if wrong := check_script(source, name):
        raise ValidationError([f"line {problem.line}: {problem.message}" for problem in wrong])
    return source


def _storage_title(title: str) -> str:
    known = {settings.CAPACITOR.ae_title, *Node.objects.filter(role="Storage").values_list("ae_title", flat=True)}
    if title not in known:
        raise ValidationError(f"{title!r} is no Storage node{did_you_mean(title, known)}")
    return title


class LuaEntryForm(SeenForm):
    beside = ("conditions",)
    ae_titles = LinesField(
        read=_storage_title, label="AE titles", help_text="destinations it applies to, one a line; empty: all"
    )
    script = forms.CharField(widget=_CODE, required=False, strip=False, help_text="inline Lua")

    class Meta:
        model = LuaEntry
        fields = ["position", "description", "enabled", "script", "library", "ae_titles", "on_error"]

    def clean_script(self) -> str:
        return _lua(str(self.cleaned_data["script"]), "script")


class LuaLibraryForm(SeenForm):
    source = forms.CharField(widget=_CODE, required=False, strip=False)

    class Meta:
        model = LuaLibrary
        fields = ["path", "source"]

    def clean_source(self) -> str:
        return _lua(str(self.cleaned_data["source"]), "source")


class ConditionFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    """Checks the conditions of one entry together: those inside a sequence belong to the one that names it."""

    def clean(self) -> None:
        super().clean()
        live = [form for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        if any(form.errors for form in live):
            return
        inside: dict[Any, list[Any]] = {}
        for form in live:
            parent = form.cleaned_data.get("parent")
            inside.setdefault(parent.pk if parent else None, []).append(form)
        judged = 0

        def read(form: Any) -> Condition:
            nonlocal judged
            judged += 1
            data = form.cleaned_data
            below = inside.get(form.instance.pk, []) if form.instance.pk else []
            return Condition(
                tag=data["tag"],
                match_expression=data["match_expression"],
                search=data["search"],
                sequence_items=tuple(read(inner) for inner in below),
                private_tag_creator=data["private_tag_creator"],
            )

        for form in inside.get(None, []):
            for problem in check_condition(read(form)):
                form.add_error(None, problem)
        if judged < len(live):
            raise ValidationError("a condition lies inside itself, or inside one that is to be removed")


class ConditionInline(admin.TabularInline):  # type: ignore[type-arg]
    model = EntryCondition
    formset = ConditionFormSet
    fk_name = "entry"
    extra = 1
    fields = ("position", "tag", "match_expression", "search", "private_tag_creator", "parent")

    def get_formset(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        # Kept for the choices of parent, which are not told the entry; admin makes an inline anew for each request.
        self._entry = obj
        return super().get_formset(request, obj, **options)

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "parent":
            options["queryset"] = EntryCondition.objects.filter(entry=self._entry)
        return super().formfield_for_foreignkey(db_field, request, **options)


class ActiveAtOnce(Audited):
    """What is edited here is active at once; each edit is an activation, as if somebody had made it from a draft."""

    def changeform_view(self, request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:
        with transaction.atomic():
            if request.method == "POST":
                hold()
            return super().changeform_view(request, *arguments, **named)

    def changelist_view(self, request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:
        with transaction.atomic():
            if request.method == "POST":
                hold()
            return super().changelist_view(request, *arguments, **named)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        with transaction.atomic():
            super().save_related(request, form, formsets, change)
            note_activation(request.user.get_username(), _EDITED)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        with transaction.atomic():
            super().delete_model(request, obj)
            note_activation(request.user.get_username(), _EDITED)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic():
            super().delete_queryset(request, queryset)
            note_activation(request.user.get_username(), _EDITED)


@admin.register(LuaEntry)
class LuaEntryAdmin(ActiveAtOnce):
    form = LuaEntryForm
    inlines = [ConditionInline]
    list_display = ("__str__", "position", "enabled", "library", "ae_titles", "on_error", "updated_at")
    list_editable = ("position", "enabled")
    list_filter = ("enabled", "on_error")
    list_select_related = ("library",)
    search_fields = ("description", "script", "library__path")

    def get_changelist_form(self, request: HttpRequest, **options: Any) -> Any:
        """The list edits two columns; the checks of the whole form would ask for the others."""
        return super().get_changelist_form(request, **{**options, "form": MergingForm})


@admin.register(LuaLibrary)
class LuaLibraryAdmin(ActiveAtOnce):
    form = LuaLibraryForm
    list_display = ("path", "updated_at")
    search_fields = ("path", "source")


@admin.register(ScriptVersion)
class ScriptVersionAdmin(Kept):
    list_display = ("id", "sha256", "created_at")
    search_fields = ("sha256",)


@admin.register(ScriptDraft)
class ScriptDraftAdmin(Kept):
    list_display = ("__str__", "counter", "updated_by", "updated_at")


@admin.register(Activation)
class ActivationAdmin(Kept):
    list_display = ("id", "version", "actor", "reason", "at")
    list_select_related = ("version",)
    search_fields = ("actor", "reason")


@admin.register(ScriptSample)
class ScriptSampleAdmin(WithPatientData, Kept):
    list_display = ("name", "about", "size", "deidentified", "created_by", "created_at")
    search_fields = ("name",)
    exclude = ("image",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScriptSample]:
        return super().get_queryset(request).defer("image")


@admin.register(SampleCapture)
class SampleCaptureAdmin(WithPatientData, Kept):
    list_display = ("name", "source_ae_title", "called_ae_title", "expires_at", "sample", "created_by")
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SampleCapture]:
        # Not by list_select_related: that would fetch each image.
        return (
            super()
            .get_queryset(request)
            .prefetch_related(Prefetch("sample", queryset=ScriptSample.objects.defer("image")))
        )


@admin.register(ScriptTest)
class ScriptTestAdmin(WithPatientData, Kept):
    list_display = ("name", "bundled", "source_ae_title", "destination_ae_title", "created_by", "created_at")
    search_fields = ("name",)
    exclude = ("image",)
