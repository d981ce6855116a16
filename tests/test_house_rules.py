"""How the code of this project looks; each rule says what to do instead."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("capacitor_web", "routing", "scripts_app")
NOT_EMPTY = {ROOT / "routing/models/__init__.py"}
"""Django looks for models in the package itself."""


def modules(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def templates() -> list[Path]:
    return sorted((ROOT / "templates").rglob("*.html"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        # Without a repository (an unpacked archive) everything in the folders counts.
        return [
            path for folder in (*PACKAGES, "tests", "docs") for path in (ROOT / folder).rglob("*") if path.is_file()
        ]
    return [ROOT / file for file in listed.stdout.split("\0") if file and (ROOT / file).is_file()]


@pytest.mark.parametrize("path", [*modules(*PACKAGES), ROOT / "run", ROOT / "check"], ids=name)
def test_a_module_has_at_most_300_lines_a_docstring_and_a_telling_name(path):
    text = path.read_text(encoding="utf-8")
    if path.name == "__init__.py":
        assert path in NOT_EMPTY or not text, "an __init__.py stays empty: importing a package must start nothing"
        return
    assert text.count("\n") <= 300, "divide it by what its parts are about"
    assert ast.get_docstring(ast.parse(text)), "the first line says what the module is for"
    assert path.stem not in ("utils", "helpers", "common", "misc"), "name it after what is in it"


@pytest.mark.parametrize("path", [path for path in modules("tests") if path.parent.name != "bench"], ids=name)
def test_a_test_never_sleeps(path):
    """A measurement does: its load keeps a pace."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            assert "sleep" not in ast.unparse(node.func).split("."), f"line {node.lineno}: wait for an event instead"


@pytest.mark.parametrize("path", modules(*PACKAGES), ids=name)
def test_lua_comes_from_the_backend_that_keeps_objects_apart(path):
    """Others of lupa 2.8 hand back the wrong Python object (scoder/lupa#294): one patient's image as another's."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert all(not alias.name.startswith("lupa") for alias in node.names), "from lupa import lua54"
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lupa":
            assert node.module == "lupa.lua54" or [alias.name for alias in node.names] == ["lua54"]


@pytest.mark.parametrize("path", templates(), ids=name)
def test_a_template_holds_no_script_style_or_handler(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<style\b|\sstyle\s*=|\son[a-z]+\s*=|javascript:", text, re.IGNORECASE), "see static/"
    for opening in re.findall(r"<script\b[^>]*>", text, re.IGNORECASE):
        assert re.search(r"\bsrc=", opening), "the content security policy refuses inline scripts"


def test_no_dicom_file_is_in_the_repository():
    for path in tracked_files():
        assert path.suffix.lower() not in (".dcm", ".dicom", ".ima"), f"{name(path)}: build it in the test"
        with path.open("rb") as file:
            assert file.read(132)[128:] != b"DICM", f"{name(path)} is a DICOM file"


def test_nothing_names_a_folder_of_one_machine_or_an_open_end():
    machine = re.compile(r"(?<![\w.<{])/(?:work|root|home/\w+|Users/\w+|tmp/\w+)(?=/|\b)")
    open_end = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
    for path in tracked_files():
        if path.suffix in (".lock", ".svg", ".png") or "vendor" in path.parts or path == Path(__file__).resolve():
            continue
        for count, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            assert not machine.search(line), f"{name(path)}, line {count}: a path of one machine"
            assert not open_end.search(line), f"{name(path)}, line {count}: do it, or open an issue"
