"""How the code of this project looks; each rule says what to do instead."""

import ast
import re
import subprocess
from pathlib import Path

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


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


# One test for each rule: 1,500 of a file each took longer to be collected and counted than the files to be read.


def test_a_module_has_at_most_300_lines_a_docstring_and_a_telling_name():
    wrong = []
    for path in [*modules(*PACKAGES), ROOT / "run", ROOT / "check"]:
        text = text_of(path)
        if path.name == "__init__.py":
            if text and path not in NOT_EMPTY:
                wrong.append(f"{name(path)}: an __init__.py stays empty: importing a package must start nothing")
            continue
        if text.count("\n") > 300:
            wrong.append(f"{name(path)}: divide it by what its parts are about")
        if not ast.get_docstring(ast.parse(text)):
            wrong.append(f"{name(path)}: the first line says what the module is for")
        if path.stem in ("utils", "helpers", "common", "misc"):
            wrong.append(f"{name(path)}: name it after what is in it")
    assert not wrong, "\n".join(wrong)


def test_a_test_never_sleeps():
    """A measurement does: its load keeps a pace."""
    wrong = [
        f"{name(path)}, line {node.lineno}: wait for an event instead"
        for path in modules("tests")
        if path.parent.name != "bench" and "sleep" in text_of(path)
        for node in ast.walk(ast.parse(text_of(path)))
        if isinstance(node, ast.Call) and "sleep" in ast.unparse(node.func).split(".")
    ]
    assert not wrong, "\n".join(wrong)


def test_lua_comes_from_the_backend_that_keeps_objects_apart():
    """Others of lupa 2.8 hand back the wrong Python object (scoder/lupa#294): one patient's image as another's."""
    wrong = []
    for path in modules(*PACKAGES):
        if "lupa" not in text_of(path):
            continue
        for node in ast.walk(ast.parse(text_of(path))):
            where = f"{name(path)}, line {getattr(node, 'lineno', 0)}: from lupa import lua54"
            if isinstance(node, ast.Import) and any(alias.name.startswith("lupa") for alias in node.names):
                wrong.append(where)
            of_lupa = isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lupa"
            if of_lupa and node.module != "lupa.lua54" and [alias.name for alias in node.names] != ["lua54"]:
                wrong.append(where)
    assert not wrong, "\n".join(wrong)


def test_a_template_holds_no_script_style_or_handler():
    wrong = []
    for path in templates():
        text = text_of(path)
        if re.search(r"<style\b|\sstyle\s*=|\son[a-z]+\s*=|javascript:", text, re.IGNORECASE):
            wrong.append(f"{name(path)}: see static/")
        for opening in re.findall(r"<script\b[^>]*>", text, re.IGNORECASE):
            if not re.search(r"\bsrc=", opening):
                wrong.append(f"{name(path)}: the content security policy refuses inline scripts")
    assert not wrong, "\n".join(wrong)


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
