from pynomaly_operator.deletions import Deletions


def test_an_object_that_went_is_known_by_all_that_is_told_of_it_from_before() -> None:
    deletions = Deletions()

    deletions.note({"uid": "a", "resourceVersion": "9"})

    assert deletions.follow({"uid": "a", "resourceVersion": "8"})
    assert deletions.follow({"uid": "a", "resourceVersion": "9"})
    assert not deletions.follow({"uid": "a", "resourceVersion": "10"}), "it was labelled again"
    assert not deletions.follow({"uid": "b", "resourceVersion": "8"})


def test_no_more_than_the_latest_are_remembered() -> None:
    deletions = Deletions(most=2)

    for uid, version in (("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")):
        deletions.note({"uid": uid, "resourceVersion": version})

    assert dict(deletions.versions) == {"a": 3, "c": 4}
