"""Who may send: what an A-ASSOCIATE-RQ is answered."""

import logging

from django.db import Error as DatabaseProblem
from django.db import connection

from routing.dicom.associate import UNKNOWN_CALLED, UNKNOWN_CALLER, AssociationRequest, Refusal
from routing.engine.directory import Directory, refusal
from routing.engine.receiving.guessing import MOST_WRONG, WITHIN, Guesses
from routing.engine.receiving.refused import note_alert, note_unknown_sender
from routing.processes.application_log import first_line

log = logging.getLogger("capacitor.listener")

_TEMPORARY_CONGESTION = Refusal(3, 1, "nodes and senders cannot be read", transient=True)
_PUT_OFF = Refusal(3, 1, "too many wrong AE titles from this address, try again later", transient=True)


class Admission:
    """Decides about associations by the newest nodes and senders (D1, D18), and puts off who guesses their titles."""

    def __init__(self, directory: Directory, *, anybody: bool) -> None:
        self._directory, self._anybody = directory, anybody
        self._guesses = Guesses()

    def __call__(self, request: AssociationRequest) -> Refusal | str:
        """Why it is rejected, else for which node it is accepted, in the words of the directory."""
        address, pair = request.peer_address, (request.calling_ae_title, request.called_ae_title)
        try:
            snapshot = self._directory.current()
            put_off = self._guesses.puts_off(address, pair) and not snapshot.binds(pair[0], address)
            why = refusal(snapshot, *pair, address, anybody=self._anybody)
            if why is None and not put_off:
                self._guesses.accepted(address, pair)
                return snapshot.accepted_for(pair[1])
            who, words = why or ("", "")
            # Also while it is put off: a whole new department may be behind one address, and wants to be allowed.
            if who == "calling" and note_unknown_sender(pair[0], address, pair[1]) and pair[0] in snapshot.senders:
                note_alert("known sender, wrong address", pair[0], address=address)
            # A sender of ours that misses its destination: nobody at the modality may read what it was answered.
            if who == "called" and not put_off and (self._anybody or snapshot.knows(pair[0], address)):
                note_unknown_sender(pair[0], address, pair[1])
            if put_off:
                return _PUT_OFF
            if self._guesses.refused(address, pair):
                log.error("AE titles are being guessed from %s: it is put off for %d minutes", address, WITHIN // 60)
                note_alert("AE titles guessed", address, wrong_pairs=MOST_WRONG)
            return Refusal(*(UNKNOWN_CALLED if who == "called" else UNKNOWN_CALLER), words)
        except DatabaseProblem as error:
            log.error("nodes and senders have never been read: %s", first_line(error))
            return _TEMPORARY_CONGESTION
        finally:
            # The thread ends with its association; nobody would close its connection later.
            connection.close()
