"""Write the tables of the manual that are made from the code: settings, states, commands, .env.example."""

from typing import Any

from django.core.management.base import BaseCommand

from capacitor_web.manual import ROOT, made_files


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        for path, text in made_files().items():
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")
                self.stdout.write(f"written: {path.relative_to(ROOT)}")
