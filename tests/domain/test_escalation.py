"""From step to step, over every plan and every end of its calls: nobody is skipped, or called twice."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.escalation import Course, Decision, PageNow, Place, Standing, decide

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)

COURSES = st.builds(
    Course,
    st.lists(st.none() | st.floats(0, 3600), min_size=1, max_size=5).map(tuple),
    st.integers(1, 3),
)
LINES = st.lists(st.integers(1, 4), min_size=0, max_size=4)


def pages(lines: list[int]) -> dict[str, PageNow]:
    """The pages of a step whose lines have so many people each, all waiting."""
    found = [
        PageNow(f"{line}.{position}", line, position, Standing.WAITING)
        for line, people in enumerate(lines)
        for position in range(people)
    ]
    return {page.id: page for page in found}


def at(page: PageNow, standing: Standing) -> PageNow:
    return PageNow(page.id, page.line, page.position, standing)


@given(COURSES)
def test_a_plan_goes_through_every_step_as_often_as_it_has_rounds(course: Course) -> None:
    places, place = [], Place()
    while True:
        places.append(place)
        following = course.after(place)
        if following is None:
            break
        place = following

    assert places == [Place(step, turn) for turn in range(course.rounds) for step in range(len(course.waits))]


@given(LINES, st.data())
def test_in_a_step_everybody_is_called_once_and_in_the_order_of_their_line(
    lines: list[int], data: st.DataObject
) -> None:
    course, known, called = Course((None,)), pages(lines), []
    for _ in range(len(known) * 3 + 1):
        decision = decide(course, Place(), NOW, list(known.values()), NOW)
        called += decision.call
        for page in decision.call:
            known[page] = at(known[page], Standing.CALLING)
        assert len({known[page].line for page in decision.call}) == len(decision.call)
        up = [page.id for page in known.values() if page.standing is Standing.CALLING]
        assert len({known[page].line for page in up}) == len(up), "one at a time in a line"
        if not up:
            break
        ended = data.draw(st.sampled_from(sorted(up)))
        known[ended] = at(known[ended], Standing.FAILED)

    assert sorted(called) == sorted(known), "everybody, once"
    for line in range(len(lines)):
        in_line = [page for page in called if page.startswith(f"{line}.")]
        assert in_line == sorted(in_line)


@given(COURSES, LINES, st.floats(0, 7200), st.booleans(), st.data())
def test_it_goes_on_exactly_when_its_time_is_over_or_all_was_in_vain(
    course: Course, lines: list[int], passed: float, at_once: bool, data: st.DataObject
) -> None:
    place = Place(
        data.draw(st.integers(0, len(course.waits) - 1)), data.draw(st.integers(0, course.rounds - 1))
    )
    told = [at(page, data.draw(st.sampled_from(Standing))) for page in pages(lines).values()]
    now = NOW + timedelta(seconds=passed)
    decision = decide(course, place, NOW, told, now, at_once=at_once)

    if any(page.standing is Standing.DELIVERED for page in told):
        assert decision == Decision()
        return
    wait, following = course.waits[place.step], course.after(place)
    in_vain = all(page.standing is Standing.FAILED for page in told)
    over = wait is not None and NOW + timedelta(seconds=wait) <= now
    anew = following is not None and following.round > place.round and wait is not None
    assert (decision.move_to is not None) == (
        following is not None and (at_once or over or (in_vain and not anew))
    )
    assert decision.move_to in (None, following)
    if decision.next_at is not None:
        assert decision.next_at > now
    still = following is not None or any(
        page.standing is Standing.WAITING and page.id not in decision.call for page in told
    )
    assert decision.has_more == still


@given(COURSES, LINES, st.data())
def test_looking_twice_changes_nothing(course: Course, lines: list[int], data: st.DataObject) -> None:
    told = [at(page, data.draw(st.sampled_from(Standing))) for page in pages(lines).values()]
    first = decide(course, Place(), NOW, told, NOW)
    after = [at(page, Standing.CALLING) if page.id in first.call else page for page in told]

    assert decide(course, Place(), NOW, after, NOW).call == ()
