"""Findings about an image that would leave, as the pages show them."""

import re

from django.template.loader import render_to_string


def finding(**told):
    values = {"severity": "error", "rule": "uid", "tag": "0020,000E", "keyword": "SeriesInstanceUID"}
    return {**values, "message": "would belong to two studies", "detail": "", "received": False, **told}


def shown(*findings):
    page = render_to_string("scripts_app/_lint.html", {"findings": list(findings)})
    return page, re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).strip()


def test_without_a_finding_nothing_is_said():
    assert shown()[0].strip() == ""


def test_an_error_that_the_scripts_made_is_open_to_the_eye():
    page, words = shown(finding(), finding(severity="warning", detail="1.2 <b>"))
    assert "<details" in page
    assert " open>" in page
    assert words.startswith("2 findings about this image error 0020,000E SeriesInstanceUID would belong to two studies")
    assert "1.2 &lt;b&gt;" in page


def test_what_the_image_came_with_is_told_apart_and_folded():
    page, words = shown(finding(received=True))
    assert " open>" not in page
    assert words.startswith("As received: 1 finding about this image was so")
