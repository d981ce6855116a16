"""A queue of six failed items in the browser, and what tests of it do and see."""

SIX_FAILURES = """from tests.builders import *
[table.objects.all().delete() for table in (OperatorAction, QueueItem, Node)]
pacs, other = node('PACS'), node('OTHER')
for number in range(1, 7):
    queue_item('Failed', id=number, node=pacs, prepared_at=timezone.now(), patient_name=f'TEST^{number}',
        study_instance_uid=f'1.2.{number % 2}', last_error=f'cause {"AB"[number > 4]} of image {number}')"""
"""Items 1 to 6 of two studies, of two causes, nothing else; what was done before is forgotten."""


def states(opened):
    """What the list shows, by item."""
    rows = opened.locator("#queue tbody tr")
    return {row.get_attribute("id")[4:]: row.locator(".badge").inner_text() for row in rows.all()}


def tick(opened, *items):
    for item in items:
        opened.locator(f"#pick-{item}").check()
