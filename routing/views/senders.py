"""Who may send, and who tried without being allowed (D18)."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from routing.audit.log import audit
from routing.forms.listed import ListSearch, numbered_page
from routing.forms.nodes import KnownSenderForm
from routing.models import KnownSender, UnknownSender
from routing.operating.allowing import allow, unknown_senders
from routing.views.request import HtmxHttpRequest, draw, row_or_new
from scripts_app.views.request import within


@require_GET
@permission_required("routing.view_knownsender", raise_exception=True)
def senders(request: HtmxHttpRequest) -> HttpResponse:
    form = ListSearch(request.GET, looked_in="AE title, address, description")
    text = form.text
    meant = Q(ae_title__icontains=text) | Q(network__icontains=text) | Q(description__icontains=text)
    context = {
        "form": form,
        "page": numbered_page(KnownSender.objects.filter(meant), request.GET),
        "unknown_senders": [each for each in unknown_senders() if form.meets(each[0].ae_title, each[0].address)],
        "anybody": settings.CAPACITOR.accept_unknown_senders,
    }
    return draw(request, "routing/senders.html", "routing/_senders.html", context)


@require_POST
@permission_required("routing.operate_nodes", raise_exception=True)
def sender_allow(request: HtmxHttpRequest, sender_id: int) -> HttpResponse:
    """Allow an unknown sender from the address it called from, and take it off the list."""
    sender = UnknownSender.objects.filter(pk=sender_id).first()
    if sender is None:
        # The same button stood before a colleague, and on the line of another title that the caller tried.
        messages.info(request, "That caller is among the unknown ones no longer: look whether it is allowed by now.")
    else:
        allow(sender.ae_title, sender.address, request.user.get_username())
        messages.success(request, f"{sender.ae_title} may send from {sender.address} now.")
    return _back(request)


@require_POST
@permission_required("routing.operate_nodes", raise_exception=True)
def sender_delete(request: HttpRequest, sender_id: int) -> HttpResponse:
    sender = get_object_or_404(KnownSender, pk=sender_id)
    with transaction.atomic():
        sender.delete()
        audit(request.user.get_username(), "remove sender", sender.ae_title, network=sender.network)
    messages.success(request, _removed(sender))
    return redirect(reverse("senders", query=request.GET))


def _removed(sender: KnownSender) -> str:
    if settings.CAPACITOR.accept_unknown_senders:
        return f"{sender} is removed; anybody may send all the same."
    if still := KnownSender.objects.filter(ae_title=sender.ae_title, enabled=True):
        return f"{sender} is removed; {', '.join(map(str, still))} may still send."
    return f"{sender} may no longer send."


@require_http_methods(["GET", "POST"])
@permission_required("routing.operate_nodes", raise_exception=True)
def sender_create(request: HttpRequest) -> HttpResponse:
    return _edit(request, None)


@require_http_methods(["GET", "POST"])
@permission_required("routing.operate_nodes", raise_exception=True)
def sender_edit(request: HttpRequest, sender_id: int) -> HttpResponse:
    return _edit(request, sender_id)


def _edit(request: HttpRequest, sender_id: int | None) -> HttpResponse:
    if request.method == "POST":
        with transaction.atomic():
            sender = row_or_new(KnownSender.objects.select_for_update(), sender_id)
            form = KnownSenderForm(request.POST, instance=sender)
            if form.is_valid():
                return _save(request, form, created=sender is None)
    else:
        sender = row_or_new(KnownSender.objects.all(), sender_id)
        form = KnownSenderForm(instance=sender)
    status = 422 if form.is_bound else 200
    return render(request, "routing/sender_form.html", {"form": form, "sender": sender}, status=status)


def _save(request: HttpRequest, form: KnownSenderForm, *, created: bool) -> HttpResponse:
    saved = form.save()
    action = "allow sender" if created else "change sender"
    audit(request.user.get_username(), action, saved.ae_title, network=saved.network, enabled=saved.enabled)
    messages.success(request, f"{saved} is saved.")
    return redirect("senders")


def _back(request: HtmxHttpRequest) -> HttpResponse:
    """Where the button was pressed: the dashboard or the list of senders."""
    page = request.POST.get("back", "")
    return redirect(page if within(request, page) else "senders")
