"""Which app answers which part of the site."""

from django.contrib import admin
from django.urls import include, path

admin.autodiscover()

handler400 = "capacitor_web.errors.bad_request"
handler500 = "capacitor_web.errors.server_error"

urlpatterns = [
    path("admin/configuration/", include("routing.administration.configuration")),
    path("admin/", admin.site.urls),
    path("scripts/", include("scripts_app.urls")),
    path("", include("routing.urls")),
]
