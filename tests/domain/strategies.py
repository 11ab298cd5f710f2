"""Facts, and other values of the domain, as Hypothesis draws them."""

from datetime import timedelta

from hypothesis import strategies as st

from dispatcher.domain.facts import Facts
from dispatcher.domain.outcomes import Terms
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus
from dispatcher.domain.vocabulary import DeliveredWhen
from tests.domain.reported import LEG, START, TRUNK

times = st.integers(0, 5).map(lambda minutes: START + timedelta(minutes=minutes))
maybe_times = st.none() | times
keys = st.tuples(st.none() | st.integers(0, 3), st.sampled_from(["1", "2", "9", "#", "*", "12#", "1005"]))

facts = st.builds(
    Facts,
    ringing_at=maybe_times,
    answered_at=maybe_times,
    prompt_ended_at=maybe_times,
    keys=st.frozensets(keys, max_size=3),
    released_at=maybe_times,
    releases=st.frozensets(
        st.sampled_from(["extension", f"outbound:{LEG}", "-", "the whole call"]), max_size=3
    ),
    failed_at=maybe_times,
    cause=st.none() | st.sampled_from(Reason),
    cause_text=st.sampled_from(["", "486 Busy Here", "503 Service Unavailable", "timed out"]),
    cdr_at=maybe_times,
    cdr_status=st.none() | st.sampled_from(CdrStatus),
    talk_seconds=st.none() | st.integers(0, 3),
    recording=st.sampled_from(["", "a.wav", "b.wav"]),
    leg=st.sampled_from(["", LEG]),
    trunk=st.sampled_from(["", TRUNK]),
    closed_at=maybe_times,
    hung_up_at=maybe_times,
)

terms = st.builds(
    Terms,
    delivered_when=st.sampled_from(DeliveredWhen),
    ack_digits=st.sampled_from(["", "1", "19", "#"]),
    answer_supervision=st.booleans(),
)
