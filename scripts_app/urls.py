"""The pages of the scripts."""

from django.urls import path

from scripts_app.views import dry_run, editor, entries, kept_samples, libraries, samples, tests, versions

urlpatterns = [
    path("", entries.scripts, name="scripts"),
    path("entries/new/", entries.script_entry_new, name="script_entry_new"),
    path("entries/<slug:key>/", entries.script_entry, name="script_entry"),
    path("entries/<slug:key>/up/", entries.script_entry_move, {"direction": "up"}, name="script_entry_up"),
    path("entries/<slug:key>/down/", entries.script_entry_move, {"direction": "down"}, name="script_entry_down"),
    path("entries/<slug:key>/place/", entries.script_entry_place, name="script_entry_place"),
    path("entries/<slug:key>/toggle/", entries.script_entry_toggle, name="script_entry_toggle"),
    path("entries/<slug:key>/delete/", entries.script_entry_delete, name="script_entry_delete"),
    path("condition/", entries.script_condition, name="script_condition"),
    path("libraries/new/", libraries.script_library_new, name="script_library_new"),
    path("libraries/delete/<path:path>", libraries.script_library_delete, name="script_library_delete"),
    path("libraries/file/<path:path>", libraries.script_library, name="script_library"),
    path("draft/", versions.script_draft, name="script_draft"),
    path("draft/activate/", versions.script_activate, name="script_activate"),
    path("draft/discard/", versions.script_discard, name="script_discard"),
    path("draft/take-over/", versions.script_take_over, name="script_take_over"),
    path("versions/", versions.script_versions, name="script_versions"),
    path("versions/of/<int:version_id>/", versions.script_version_of, name="script_version_of"),
    path("versions/<int:activation_id>/", versions.script_version, name="script_version"),
    path("versions/<int:activation_id>/roll-back/", versions.script_roll_back, name="script_roll_back"),
    path("lint/", editor.script_lint, name="script_lint"),
    path("names/", editor.script_names, name="script_names"),
    path("sample/", samples.script_sample, name="script_sample"),
    path("sample/picture/", samples.script_sample_picture, name="script_sample_picture"),
    path("sample/keep/", samples.script_sample_keep, name="script_sample_keep"),
    path("samples/", kept_samples.script_samples, name="script_samples"),
    path("samples/<int:sample_id>/use/", kept_samples.script_sample_use, name="script_sample_use"),
    path("samples/<int:sample_id>/delete/", kept_samples.script_sample_delete, name="script_sample_delete"),
    path("samples/capture/", kept_samples.script_capture, name="script_capture"),
    path("samples/capture/<int:capture_id>/delete/", kept_samples.script_capture_delete, name="script_capture_delete"),
    path("tests/", tests.script_tests, name="script_tests"),
    path("tests/run/", tests.script_tests_run, name="script_tests_run"),
    path("tests/save/", tests.script_test_save, name="script_test_save"),
    path("tests/<int:test_id>/delete/", tests.script_test_delete, name="script_test_delete"),
    path("dry-run/", dry_run.script_dry_run, name="script_dry_run"),
    path("dry-run/<int:number>/", dry_run.script_output, name="script_output"),
]
