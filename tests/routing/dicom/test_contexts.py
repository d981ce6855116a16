"""Presentation contexts: every storage class in every syntax comes in; a batch goes out within 128."""

import pytest
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AllStoragePresentationContexts
from pynetdicom.sop_class import (
    BasicGrayscalePrintManagementMeta,
    MediaStorageDirectoryStorage,
    ModalityPerformedProcedureStep,
    ModalityWorklistInformationFind,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelMove,
    UnifiedProcedureStepPush,
)

from routing.dicom.associate import ProposedContext
from routing.dicom.contexts import is_storage, judge, plan

EXPLICIT = "1.2.840.10008.1.2.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


@pytest.mark.parametrize(
    "abstract_syntax",
    [
        *(str(context.abstract_syntax) for context in AllStoragePresentationContexts),
        "1.2.840.10008.5.1.4.1.1.6",  # retired ultrasound
        "1.2.840.10008.5.1.4.38.1",  # hanging protocol
        "1.3.46.670589.5.0.1",  # private
        "1.2.840.10008.5.1.4.1.1.999.1",  # of a later edition
    ],
)
def test_every_storage_class_known_private_or_future_is_accepted(abstract_syntax: str) -> None:
    assert judge(ProposedContext(1, abstract_syntax, (EXPLICIT,))) == (0, EXPLICIT)


@pytest.mark.parametrize(
    "abstract_syntax",
    [
        BasicGrayscalePrintManagementMeta,
        MediaStorageDirectoryStorage,
        ModalityPerformedProcedureStep,
        ModalityWorklistInformationFind,
        StorageCommitmentPushModel,
        StudyRootQueryRetrieveInformationModelMove,
        UnifiedProcedureStepPush,
        EXPLICIT,
        "1.2.840.10008.3.1.1.1",
        "not a uid",
        "",
    ],
)
def test_what_is_known_and_not_storage_is_not_accepted(abstract_syntax: str) -> None:
    assert not is_storage(str(abstract_syntax))
    assert judge(ProposedContext(1, str(abstract_syntax), (EXPLICIT,)))[0] == 3


def test_verification_is_accepted() -> None:
    assert judge(ProposedContext(1, "1.2.840.10008.1.1", (EXPLICIT,))) == (0, EXPLICIT)


@pytest.mark.parametrize("syntax", [*map(str, AllTransferSyntaxes), "1.2.840.113619.5.2", "1.2.3.4"])
def test_every_transfer_syntax_is_accepted(syntax: str) -> None:
    assert judge(ProposedContext(1, CT_IMAGE, (syntax,))) == (0, syntax)


def test_the_first_proposed_syntax_is_taken_whatever_it_is() -> None:
    assert judge(ProposedContext(1, CT_IMAGE, ("1.2.3", EXPLICIT))) == (0, "1.2.3")
    assert judge(ProposedContext(1, CT_IMAGE, ("../x", EXPLICIT))) == (0, EXPLICIT)
    assert judge(ProposedContext(1, CT_IMAGE, ("../x",)))[0] == 4


def test_a_rejected_sop_class_is_not_accepted() -> None:
    assert judge(ProposedContext(1, CT_IMAGE, (EXPLICIT,)), rejected={CT_IMAGE})[0] == 3


def test_a_plan_gives_each_pair_one_context_in_order() -> None:
    wanted = [("1.1", ("a", "b")), ("1.2", ("a",)), ("1.1", ("b",))]
    assert plan(wanted) == [[("1.1", ("a",)), ("1.1", ("b",)), ("1.2", ("a",))]]


def test_what_does_not_fit_one_association_goes_to_the_next_and_stays_together() -> None:
    wanted = [(f"1.{number}", ("a", "b", "c")) for number in range(100)]
    plans = plan(wanted)
    assert [len(planned) for planned in plans] == [126, 126, 48]
    where = {pair: number for number, planned in enumerate(plans) for pair in planned}
    assert len(where) == 300
    for sop_class_uid, syntaxes in wanted:
        assert len({where[sop_class_uid, (syntax,)] for syntax in syntaxes}) == 1


def test_exactly_128_contexts_are_one_association() -> None:
    assert [len(planned) for planned in plan((f"1.{number}", ("a",)) for number in range(128))] == [128]
    assert plan([]) == []


def test_a_pair_that_is_there_already_takes_no_room() -> None:
    full_but_for_one = [(f"1.{number}", ("a",)) for number in range(127)]
    assert [len(planned) for planned in plan([*full_but_for_one, ("1.0", ("a", "b"))])] == [128]


def test_more_than_128_syntaxes_of_one_class_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"129 transfer syntaxes of 1\.1"):
        plan([("1.1", [str(number) for number in range(129)])])
