"""Reading uploads: whatever comes in, nothing crashes and every row is accounted for."""

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dispatcher.errors import Refused
from dispatcher.intake.campaigns.contacts import Checker
from dispatcher.intake.campaigns.csv_rows import CsvReader
from dispatcher.intake.campaigns.json_rows import JsonReader
from dispatcher.intake.campaigns.numbers import Zones
from dispatcher.intake.campaigns.rows import LONGEST_LINE, BadRow, RawRow
from dispatcher.intake.campaigns.upload import NotText, Upload
from dispatcher.store.contacts import Contact
from tests.cores import START

NUMBERS = st.integers(10_000_000, 99_999_999).map(lambda digits: f"+316{digits}")
# Line breaks of other scripts are ordinary characters to CSV. Python's writer leaves a lone CR unquoted.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=30)


def read_csv(text: str) -> list[RawRow | BadRow]:
    return list(CsvReader(io.StringIO(text, newline="")))


def read_json(text: str) -> list[RawRow | BadRow]:
    return list(JsonReader(io.StringIO(text, newline="\n")))


def written(rows: list[tuple[str, ...]], delimiter: str, line_end: str) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    return buffer.getvalue()


@given(
    rows=st.lists(st.tuples(NUMBERS, TEXT, TEXT), max_size=20),
    delimiter=st.sampled_from([",", ";", "\t"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_csv_writer_wrote_is_read_back_to_the_letter(
    rows: list[tuple[str, str, str]], delimiter: str, line_end: str
) -> None:
    text = written([("number", "name", "city"), *rows], delimiter, line_end)

    read = read_csv(text)

    assert [(row.number, row.name, row.fields["city"]) for row in read if isinstance(row, RawRow)] == rows
    assert not [row for row in read if isinstance(row, BadRow)]


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example('"')
@example('number\n"\n"\n')
@example("number\r\r\n\x00")
def test_no_csv_whatsoever_crashes_and_lines_only_go_up(text: str) -> None:
    try:
        rows = read_csv(text)
        rows += read_csv(f"number,name\n{text}")
    except Refused:
        rows = read_csv(f"number,name\n{text}")
    checked = [row if isinstance(row, BadRow) else checker().check(row) for row in rows]

    assert all(isinstance(row, Contact | BadRow) for row in checked)
    assert all(row.line >= 1 for row in rows)


@given(
    st.lists(
        st.one_of(
            st.tuples(NUMBERS, TEXT).map(lambda row: written([row], ",", "\n")),
            st.sampled_from(['"\n', 'x"y,z\n', "a,b,c\n", '"a"b,c\n', "\n", ",\n", "+31612345678\n"]),
        ),
        max_size=30,
    )
)
def test_a_bad_row_costs_no_more_than_itself(lines: list[str]) -> None:
    """Every good line that no open quote runs into is among the rows."""
    good = [line for line in lines if line.startswith("+31") and '"' not in line]

    rows = read_csv("number,name\n" + "".join(lines))

    taken = [row.number for row in rows if isinstance(row, RawRow)]
    if not any('"' in line for line in lines):
        assert sorted(line.split(",")[0].strip() for line in good) == sorted(
            str(number) for number in taken if str(number).startswith("+31")
        )
    assert len(rows) <= sum(line.count("\n") + line.count("\r") for line in lines)


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example('{"number": 1e400}')
@example("[" * 50_000)
@example('{"number": "\\ud800"}')
def test_no_json_lines_whatsoever_crash(text: str) -> None:
    for row in read_json(text):
        assert isinstance(row if isinstance(row, BadRow) else checker().check(row), Contact | BadRow)


def test_a_line_without_end_is_one_bad_row_in_bounded_memory() -> None:
    giant = "x" * (5 * LONGEST_LINE)

    rows = read_csv(f'number,name\n+31612345678,{giant}\n+31612345679,"{giant}\n+31612345670,Cas\n')

    assert [row.line for row in rows] == [2, 3, 4]
    assert [isinstance(row, RawRow) for row in rows] == [False, False, True]
    assert [type(row) for row in read_json(f'{{"x": "{giant}"}}\n{{"number": "1"}}')] == [BadRow, RawRow]


def test_columns_at_the_end_may_be_left_out() -> None:
    (row,) = read_csv("number,name,external_id,city\n+31612345678,Anna\n")

    assert row == RawRow(2, "+31612345678", "Anna", "", "", {"city": ""})


@given(st.binary(max_size=400), st.lists(st.integers(1, 50), max_size=20))
def test_an_upload_knows_utf8_however_it_is_cut(body: bytes, cuts: list[int]) -> None:
    upload = Upload()

    def take() -> None:
        for piece in pieces(body, cuts):
            upload.take(piece)
        upload.take(b"", last=True)

    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        with pytest.raises(NotText, match=f"byte {error.start} "):
            take()
    else:
        take()
        assert upload.text("").read() == text.removeprefix("\ufeff")
    upload.close()


def pieces(body: bytes, cuts: list[int]) -> Iterator[bytes]:
    for cut in cuts:
        yield body[:cut]
        body = body[cut:]
    yield body


def checker() -> Checker:
    return Checker("NL", Zones((), START))
