"""Images of one study that would become several studies are noticed, for each destination by itself."""

from routing.core.study_splits import note, splits


def result(**studies):
    return {
        "outputs": [
            {
                "destination": name,
                "changes": [{"tag": "0020,000D", "old": "1.2.3", "new": new}] if new else [],
            }
            for name, new in studies.items()
        ]
    }


def test_a_study_that_gets_another_uid_with_each_image_falls_apart():
    studies = {}
    for number in range(3):
        note(studies, "1.2.3", result(PACS="", AI=f"9.{number}"))
    assert splits(studies) == [("AI", 1)]


def test_a_study_whose_images_all_get_the_same_uid_stays_one():
    studies = {}
    for _ in range(3):
        note(studies, "1.2.3", result(AI="9.1"))
    note(studies, "1.2.4", result(AI=""))
    assert splits(studies) == []


def test_a_study_of_which_only_some_images_get_another_uid_falls_apart():
    studies = {}
    note(studies, "1.2.3", result(AI="9.1"))
    note(studies, "1.2.3", result(AI=""))
    assert splits(studies) == [("AI", 1)]


def test_an_image_without_a_study_counts_for_none():
    studies = {}
    note(studies, "", result(AI=""))
    assert splits(studies) == []
