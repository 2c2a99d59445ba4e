"""Changing cases.

Promise: a change is made once, however often it is asked for, and a state that says what the event
turned out to be is sent as a label. Steps:

1. what stands there is compared with the revision that the change was made for, where one is given;
   without one, the last change wins;
2. the new case takes its place in Redis in one step, marked that its label is due;
3. the label is sent (source ``case``), and its delivery confirmed;
4. the mark is taken away.

Where 3 fails the caller is told, and asking again sends the same label once more. Who asks for what
stands there already changes nothing, so an answer that was lost on its way does no harm.
"""

from __future__ import annotations

from contextlib import suppress

from msgspec import structs

from core.messages import Label
from core.names import CaseState
from features.iso_times import iso_time
from views.case import LABELS, MOST_NOTE, MOST_WHO, Case
from views.handling.labelling import LabelSender
from views.readmodel.cases import Cases, NoSuchAlert

#: Source of labels from cases.
SOURCE = "case"


class Conflict(Exception):  # noqa: N818 - whoever asked says it in words
    """Somebody else has changed the case meanwhile.

    Args:
        case: as it is now.
    """

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case


class Casework:
    """Changes the cases of a namespace.

    Args:
        cases: where they are.
        sender: of labels.
    """

    def __init__(self, cases: Cases, sender: LabelSender) -> None:
        self.cases = cases
        self._sender = sender

    def change(
        self,
        profile: str,
        event_id: str,
        state: CaseState,
        *,
        who: str,
        note: str,
        now_ms: int,
        revision: int | None = None,
    ) -> Case:
        """Change a case.

        Args:
            profile, event_id: of the alert.
            state: that it is to have.
            who, note: free text, at most ``MOST_WHO`` and ``MOST_NOTE`` characters.
            now_ms: milliseconds since 1970 UTC.
            revision: of the case that the change was made for; None: whatever stands there.

        Raises:
            Conflict: another revision stands there.
            NoSuchAlert: the alert is gone.
            StateError: Redis cannot be reached.
            BrokerError: the label is not sent; ask again.
        """
        who, note = who[:MOST_WHO], note[:MOST_NOTE]
        if not self.cases.has_alert(profile, event_id):
            raise NoSuchAlert
        while True:
            (before,) = self.cases.of(profile, [event_id])
            if before.says(state, who, note):
                if revision not in {None, before.revision, before.revision - 1}:
                    raise Conflict(before)
                after = before
                break
            if revision not in {None, before.revision}:
                raise Conflict(before)
            after = before.changed(state, who, note, now_ms)
            if self.cases.put(profile, event_id, before, after):
                break
        if not after.label_due:
            return after
        self._sender.send(
            [
                Label(
                    event_id=event_id,
                    profile=profile,  # type: ignore[arg-type]
                    label=LABELS[state],  # type: ignore[arg-type]
                    labelled_at=iso_time(after.at_ms),
                    source=SOURCE,
                )
            ]
        )
        settled = structs.replace(after, label_due=False)
        with suppress(NoSuchAlert):  # it is no longer kept, and the label is sent
            self.cases.put(profile, event_id, after, settled)
        return settled
