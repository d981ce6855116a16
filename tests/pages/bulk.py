"""Questions and deeds about many items, as pages send them."""

from routing.models import QueueItem
from tests.pages.people import visitor


def states(*items):
    return [QueueItem.objects.get(pk=item.pk).state for item in items]


def ask(query, client=None, **headers):
    return (client or visitor("operator")).get(f"/queue/ask/?{query}", headers=headers)


def act(action, *items, query="", client=None, headers=None, **form):
    form = {"action": action, "scope": "ticked", "ids": [item.pk for item in items], **form}
    return (client or visitor("operator")).post(f"/queue/act/?{query}", form, headers=headers)
