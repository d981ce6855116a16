"""Logging in and changing one's password."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect


class LogInForm(AuthenticationForm):
    """Takes no name that is longer than any: the table of failed log-ins has no room for it in PostgreSQL."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name: Any = self.fields["username"]
        # The length is set for the browser alone.
        name.validators.append(MaxLengthValidator(name.max_length))


# The mark of the parent is on the method that is overridden here.
@method_decorator(login_not_required, name="dispatch")
class LogIn(LoginView):
    template_name = "account/form.html"
    extra_context = {"deed": "Log in"}
    form_class = LogInForm
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # A fragment of a page whose session has ended: the whole page must go to the login, not the fragment.
        details = getattr(request, "htmx", None)
        if details and request.method == "GET":
            back = urlencode({"next": details.current_url_abs_path or "/"})
            return HttpResponseClientRedirect(f"{request.path}?{back}")
        return super().dispatch(request, *args, **kwargs)


class CountedPasswordChangeForm(PasswordChangeForm):
    """A wrong old password counts as one at the log-in does: who has somebody's session must not guess it here."""

    request: HttpRequest

    def clean_old_password(self) -> str:
        old: str = self.cleaned_data["old_password"]
        if authenticate(self.request, username=self.user.get_username(), password=old) != self.user:
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return old


class PasswordChange(PasswordChangeView):
    template_name = "account/form.html"
    extra_context = {"deed": "Change password"}
    success_url = reverse_lazy("dashboard")
    form_class = CountedPasswordChangeForm

    def get_form(self, form_class: Any = None) -> Any:
        form: Any = super().get_form(form_class)
        form.request = self.request
        return form

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password has been changed.")
        return super().form_valid(form)
