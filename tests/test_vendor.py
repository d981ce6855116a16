"""What the site brings along from others is what its manifest says."""

import hashlib
import json
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[1] / "static/vendor"


def test_every_bundle_is_the_one_in_the_manifest():
    manifest = json.loads((VENDOR / "manifest.json").read_text())
    assert {path.name for path in VENDOR.glob("*.js")} == set(manifest)
    for name, about in manifest.items():
        bundle = VENDOR / name
        assert hashlib.sha256(bundle.read_bytes()).hexdigest() == about["sha256"], "build it anew"
        assert all(part["version"] and part["license"] == "MIT" for part in about["parts"])
        assert bundle.with_suffix(".LICENSE.txt").is_file()


def test_the_bundle_holds_nothing_that_the_content_security_policy_refuses():
    text = (VENDOR / "codemirror.js").read_text()
    assert "eval(" not in text
    assert "new Function" not in text
    assert "https://" not in text.replace("https://codemirror.net", "")
