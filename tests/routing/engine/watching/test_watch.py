"""What child and watchdog share in memory: the item in hand, its deadline, and who holds it."""

import math
import os
import struct
import time

from routing.engine.watching.watch import Watch


def test_nothing_is_in_hand_at_first_and_after_the_end() -> None:
    watch = Watch()
    assert (watch.item_id, watch.overdue, watch.owner) == (None, False, "")
    watch.begin(7, 60)
    watch.end()
    assert (watch.item_id, watch.overdue) == (None, False)


def test_each_item_begins_outside_of_any_entry() -> None:
    watch = Watch()
    watch.owner = "host:1:child"
    watch.begin(7, 60)
    watch.at(3, 2)
    assert (watch.place, watch.item_id, watch.owner) == ((3, 2), 7, "host:1:child")
    watch.begin(8, 60)
    assert watch.place == (0, 0)


def test_an_item_is_overdue_after_its_time_only() -> None:
    watch = Watch()
    watch.begin(7, 60)
    assert (watch.item_id, watch.overdue) == (7, False)
    watch.begin(2**62, -1)
    assert (watch.item_id, watch.overdue) == (2**62, True)


def test_a_reader_that_sees_half_of_a_new_entry_ends_nobody() -> None:
    watch = Watch()
    watch.begin(7, 60)
    watch.end()
    number, deadline = struct.Struct("<Qd").unpack_from(watch._memory)
    assert (number, deadline) == (0, math.inf)
    # The first eight bytes of the next entry are there, the deadline is not yet.
    watch._memory[:8] = struct.pack("<Q", 8)
    assert not watch.overdue


def test_a_shorter_owner_leaves_nothing_of_a_longer_one() -> None:
    watch = Watch()
    watch.owner = "a-long-host-name:12345:abcdef01"
    watch.owner = "h:1:2"
    assert watch.owner == "h:1:2"
    watch.owner = ""
    assert watch.owner == ""


def test_the_parent_sees_what_the_child_wrote() -> None:
    watch = Watch()
    pid = os.fork()
    if not pid:
        watch.owner = "host:1:child"
        watch.begin(9, 60)
        os._exit(0)
    os.waitpid(pid, 0)
    assert (watch.owner, watch.item_id, watch.overdue) == ("host:1:child", 9, False)
    assert time.monotonic() < struct.Struct("<Qd").unpack_from(watch._memory)[1]
