"""Nodes: how each is doing, who leads there, and their settings."""

from collections import defaultdict
from collections.abc import Mapping
from functools import partial

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from routing.audit.log import audit
from routing.configuration.node_uses import left_behind
from routing.database.deadlock import despite_deadlocks
from routing.engine.nodes.status import end_back_off
from routing.forms.listed import ListSearch, numbered_page
from routing.forms.nodes import NodeForm
from routing.models import Node, NodeStatus
from routing.nodes.renamed import STILL_FOLLOWING, bring_along, follow
from routing.nodes.titles import title_book, title_conflicts
from routing.people.sight import Sight
from routing.showing.destinations import Destination, destinations
from routing.views.request import HtmxHttpRequest, draw, row_or_new
from scripts_app.revision import hold


@require_GET
@permission_required("routing.view_node", raise_exception=True)
def nodes(request: HtmxHttpRequest) -> HttpResponse:
    return draw_nodes(request)


def draw_nodes(request: HtmxHttpRequest) -> HttpResponse:
    form = ListSearch(request.GET, looked_in="AE title, host, description")
    leading = _leading()
    found: list[Destination | Node] = [
        *(each for each in destinations() if each.node and form.meets(*_texts(each.node), *leading[each.ae_title])),
        *(node for node in Node.objects.exclude(role=Node.Role.STORAGE) if form.meets(*_texts(node))),
    ]
    page = numbered_page(found, request.GET)
    context = {
        "sight": Sight.of(request.user),
        "form": form,
        "page": page,
        "rows": [(each, leading[each.ae_title]) for each in page if isinstance(each, Destination)],
        "others": [each for each in page if isinstance(each, Node)],
        "conflicts": title_conflicts(),
    }
    return draw(request, "routing/nodes.html", "routing/_nodes.html", context)


def _leading() -> Mapping[str, list[str]]:
    """By AE title the called ones that lead to it, its own first."""
    leading = defaultdict[str, list[str]](list)
    for title, ae_title in title_book().titles().items():
        leading[ae_title].append(title)
    for ae_title, titles in leading.items():
        titles.sort(key=lambda title: (title != ae_title, title))
    return leading


def _texts(node: Node) -> tuple[str, ...]:
    return node.ae_title, node.host, node.description, *node.aliases


@require_GET
@permission_required("routing.view_node", raise_exception=True)
def node_called(request: HtmxHttpRequest) -> HttpResponse:
    """Where an image goes whose sender calls this AE title (D1)."""
    called = request.GET.get("called", "").strip(" ")
    book = title_book()
    found = book.resolve(called) if called else None
    context = {
        "called": called,
        "found": found,
        "node": Node.objects.filter(pk=found.node_id).first() if found and found.node_id else None,
        "nearest": book.nearest(called) if called else None,
    }
    return draw(request, "routing/node_called.html", "routing/_node_called.html", context)


@require_POST
@permission_required("routing.operate_nodes", raise_exception=True)
def node_pause(request: HtmxHttpRequest, node_id: int) -> HttpResponse:
    return _set_paused(request, node_id, paused=True)


@require_POST
@permission_required("routing.operate_nodes", raise_exception=True)
def node_resume(request: HtmxHttpRequest, node_id: int) -> HttpResponse:
    return _set_paused(request, node_id, paused=False)


def _set_paused(request: HtmxHttpRequest, node_id: int, *, paused: bool) -> HttpResponse:
    node = get_object_or_404(Node, pk=node_id)
    with transaction.atomic():
        changed = Node.objects.filter(pk=node_id, paused=not paused).update(paused=paused)
        if changed:
            audit(request.user.get_username(), "pause node" if paused else "resume node", node)
            if not paused:
                end_back_off([node_id], timezone.now())
    told = f"{node.ae_title} is {'paused' if paused else 'no longer paused'}, but disabled: calls for it are refused."
    if node.enabled:
        told = f"{node.ae_title} {'is paused: images are accepted and wait.' if paused else 'is sent to again.'}"
    return _changed(request, node_id, told)


@require_POST
@permission_required("routing.change_node", raise_exception=True)
def node_enable(request: HtmxHttpRequest, node_id: int) -> HttpResponse:
    return _set_enabled(request, node_id, enabled=True)


@require_POST
@permission_required("routing.change_node", raise_exception=True)
def node_disable(request: HtmxHttpRequest, node_id: int) -> HttpResponse:
    return _set_enabled(request, node_id, enabled=False)


def _set_enabled(request: HtmxHttpRequest, node_id: int, *, enabled: bool) -> HttpResponse:
    node = get_object_or_404(Node, pk=node_id)
    with transaction.atomic():
        # As by save(), the listeners notice by the moment of the change.
        now = timezone.now()
        changed = Node.objects.filter(pk=node_id, enabled=not enabled).update(enabled=enabled, updated_at=now)
        if changed:
            audit(request.user.get_username(), "enable node" if enabled else "disable node", node)
    told = f"{node.ae_title} is enabled." if enabled else f"{node.ae_title} is disabled: calls for it are refused."
    return _changed(request, node_id, told)


def _changed(request: HtmxHttpRequest, node_id: int, told: str) -> HttpResponse:
    """Back to where the button was: the page of the node, or the list."""
    messages.success(request, told)
    if request.POST.get("page") == "node":
        return redirect("node", node_id)
    return draw_nodes(request) if request.htmx else redirect(reverse("nodes", query=request.GET))


@require_http_methods(["GET", "POST"])
@permission_required("routing.add_node", raise_exception=True)
def node_create(request: HtmxHttpRequest) -> HttpResponse:
    return _edit(request, None)


@require_http_methods(["GET", "POST"])
@permission_required("routing.change_node", raise_exception=True)
def node_edit(request: HtmxHttpRequest, node_id: int) -> HttpResponse:
    return _edit(request, node_id)


def _edit(request: HtmxHttpRequest, node_id: int | None) -> HttpResponse:
    if request.method == "POST":
        # What is queued follows its title, and workers record some of that right now.
        answer, renamed = despite_deadlocks(partial(_submit, request, node_id))
        if renamed is not None and not bring_along(renamed.pk, actor=request.user.get_username()):
            messages.info(request, f"{renamed.ae_title}: {STILL_FOLLOWING}")
        return answer
    node = row_or_new(Node.objects.all(), node_id)
    return render(request, "routing/node_form.html", {"form": NodeForm(instance=node), "node": node})


@transaction.atomic
def _submit(request: HtmxHttpRequest, node_id: int | None) -> tuple[HttpResponse, Node | None]:
    """The answer, and the node when its AE title is another one now."""
    # Entries may follow its title; an import, too, locks the scripts before the nodes.
    hold()
    node = row_or_new(Node.objects.select_for_update(), node_id)
    form = NodeForm(request.POST, instance=node)
    if form.is_valid():
        answer = _save(request, form, created=node is None)
        return answer, form.instance if node is not None and "ae_title" in form.changed_data else None
    return render(request, "routing/node_form.html", {"form": form, "node": node}, status=422), None


def _save(request: HtmxHttpRequest, form: NodeForm, *, created: bool) -> HttpResponse:
    saved = form.save()
    NodeStatus.objects.get_or_create(node=saved)
    entries = follow(saved, form.initial.get("ae_title", ""), actor=request.user.get_username())
    # What was wrong may be right now; ten minutes of back-off would look like no.
    end_back_off([saved.pk], timezone.now())
    audit(request.user.get_username(), "create node" if created else "change node", saved, **form.changes())
    followed = f" Entries of the scripts that follow it: {entries}." if entries else ""
    messages.success(request, f"{saved.ae_title} is saved; it applies from the next association on.{followed}")
    if warning := left_behind(form.initial.get("ae_title", ""), saved):
        messages.warning(request, warning)
    return redirect("nodes") if created else redirect("node", saved.pk)
