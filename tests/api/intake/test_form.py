"""The form's events: the same however the bytes are cut, and an end to whatever is not a form."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.intake.form import (
    MAX_NAME_BYTES,
    MAX_SILENT_BYTES,
    FormParser,
    PartBegan,
    PartData,
    PartEnded,
    clean_filename,
    form_events,
)
from shared.errors import MalformedBody
from tests.api.intake.uploads import body_of, chunked, run

TYPE = "multipart/form-data; boundary=XX"
PART = b'--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\n'


def parts_of(chunks, header=TYPE):
    """The form as (began, bytes) pairs, read through the asynchronous door."""

    async def read():
        parts, ended = [], True
        async for event in form_events(chunked(chunks), header):
            match event:
                case PartBegan():
                    assert ended
                    ended = False
                    parts.append((event, bytearray()))
                case PartData(data):
                    parts[-1][1].extend(data)
                case PartEnded():
                    ended = True
        assert ended
        return [(began, bytes(data)) for began, data in parts]

    return run(read())


def named(disposition):
    """The event of one part with this Content-Disposition."""
    head = disposition if isinstance(disposition, bytes) else disposition.encode()
    ((began, _),) = parts_of([b"--XX\r\nContent-Disposition: " + head + b"\r\n\r\n\r\n--XX--\r\n"])
    return began


def cut(data, sizes):
    """Cut into pieces of these sizes, over and over."""
    pieces, at, turn = [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        pieces.append(data[at : at + size])
        at, turn = at + size, turn + 1
    return pieces


awkward = st.sampled_from(
    [b"\r\n--XX", b"\r\n--X", b"\r\n--XX-", b"\r\n--XX\r", b"\r\n", b"\r", b"--XX--", b"-", b"\0"]
)
contents = (
    st.lists(awkward | st.binary(max_size=20), max_size=8)
    .map(b"".join)
    .filter(
        lambda data: (
            not any(
                mark in b"\r\n" + data + b"\r\n"
                for mark in (b"\r\n--XX\r\n", b"\r\n--XX--", b"\r\n--XX ", b"\r\n--XX\t")
            )
        )
    )
)
grammar = awkward | st.sampled_from([b"--XX", PART, b"X: y", b":", b" ", b"\t", b"\r\n\r\n", b"--", b"\n"])
words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
forms = st.lists(st.tuples(words, st.none() | words, contents), max_size=4)


@settings(max_examples=300, deadline=None)
@given(forms, st.lists(st.integers(1, 40), min_size=1, max_size=6), st.binary(max_size=30))
def test_any_form_cut_into_any_pieces_gives_the_same_events(form, sizes, epilogue):
    body = body_of(form, boundary="XX") + b"\r\n" + epilogue
    expected = parts_of([body])
    assert [data for _, data in expected] == [data for _, _, data in form]
    assert [(part.filename is None) for part, _ in expected] == [filename is None for _, filename, _ in form]
    assert parts_of(cut(body, sizes)) == expected


@settings(max_examples=300, deadline=None)
@given(
    st.lists(grammar, max_size=14).map(b"".join) | contents | st.binary(max_size=100),
    st.lists(st.integers(1, 40), min_size=1, max_size=6),
)
def test_any_bytes_are_a_form_or_malformed_however_they_are_cut(body, sizes):
    def outcome(chunks):
        try:
            return parts_of(chunks)
        except MalformedBody:
            return "malformed"

    assert outcome(cut(body, sizes)) == outcome([body])


@pytest.mark.parametrize(
    "header",
    [
        "multipart/form-data; boundary=XX",
        'multipart/form-data; boundary="XX"',
        "Multipart/Form-Data;charset=utf-8;BOUNDARY=XX",
        "multipart/form-data ; boundary = XX ",
    ],
)
def test_the_boundary_is_found_as_clients_write_it(header):
    assert len(parts_of([PART + b"x\r\n--XX--"], header)) == 1


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (None, "multipart/form-data"),
        ("", "multipart/form-data"),
        ("application/json", "curl -F"),
        ("multipart/mixed; boundary=XX", "multipart/form-data"),
        ("multipart/form-data; boundary=\u0151", "multipart/form-data"),
        ("multipart/form-data", "names no boundary"),
        ("multipart/form-data; boundary=", "names no boundary"),
        ("multipart/form-data; boundary=" + "x" * 300, "boundary cannot be used"),
    ],
)
def test_a_type_without_a_usable_boundary_is_malformed_and_says_what_to_do(header, told):
    with pytest.raises(MalformedBody, match=told):
        parts_of([b"--XX--"], header)


def test_a_form_without_parts_is_well_formed():
    assert parts_of([b"--XX--\r\n"]) == []


@pytest.mark.parametrize(
    "body",
    [
        b"--XX",
        b"--XX\r\n",
        PART,
        PART + b"data",
        PART + b"data\r\n--XX",
        PART + b"data\r\n--XX-",
        PART + b"data\r\n--XX\r\n",
        PART[:-4],
    ],
)
def test_a_body_without_its_closing_boundary_is_malformed(body):
    with pytest.raises(MalformedBody, match="cut"):
        parts_of([body])


def test_a_body_without_bytes_is_told_as_what_it_is():
    with pytest.raises(MalformedBody, match="The body is empty"):
        parts_of([])


@pytest.mark.parametrize(
    "body",
    [
        b"no boundary at all",
        b"words before --XX that begins no line",
        b"--YY\r\n",
        b"--XX\r\nbroken header\r\n\r\n",
        b"--XX\r\nContent-Disposition: form-data\r\n\r\n\r\n--XX--",
        b'--XX\r\nContent-Disposition: attachment; name="a"\r\n\r\n\r\n--XX--',
        b"--XX\r\nContent-Type: text/plain\r\n\r\n\r\n--XX--",
        b"--XX\r\n\r\n\r\n--XX--",
        PART[:-2] + b"Content-Transfer-Encoding: base64\r\n\r\n\r\n--XX--",
        PART[:-2] + b"X: 1\r\n" * 8 + b"\r\n\r\n--XX--",
        PART[:-2] + b"X: " + b"1" * 5000 + b"\r\n\r\n\r\n--XX--",
    ],
)
def test_what_breaks_the_grammar_is_malformed(body):
    with pytest.raises(MalformedBody):
        parts_of([body])


def endless(first, piece):
    yield first
    while True:
        yield piece


def feed_all(parser, chunks):
    for chunk in chunks:
        parser.feed(chunk)


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"\r\n", b"\r\n" * 500),
        (b"--XX--\r\n", b" " * 1000),
        (PART + b"\r\n--XX ", b" " * 1000),
        (b"--XX\r\n", b" " * 1000),
    ],
    ids=["preamble", "epilogue", "padding", "headers"],
)
def test_a_flood_outside_of_the_parts_is_cut(first, piece):
    flood = endless(first, piece)
    with pytest.raises(MalformedBody):
        feed_all(FormParser(TYPE), itertools.islice(flood, MAX_SILENT_BYTES // 1000 + 3))


@pytest.mark.parametrize("chunks", [[b"\r\n" + PART], [b"\r", b"\n", b"\r\n", PART]])
def test_empty_lines_before_the_first_boundary_are_taken(chunks):
    assert len(parts_of([*chunks, b"x\r\n--XX--"])) == 1


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_words_before_the_first_boundary_are_passed_over(size):
    body = b"This is a multi-part message.\r\n--X almost\r\n" + PART + b"x\r\n--XX--"
    cut = [body[at : at + size] for at in range(0, len(body), size)]
    assert parts_of(cut) == parts_of([PART + b"x\r\n--XX--"])


def test_an_epilogue_that_mail_programs_add_is_taken():
    assert len(parts_of([PART + b"x\r\n--XX--\r\n", b"This was a multipart message.\r\n" * 20])) == 1


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('form-data; name="a"', None),
        ('form-data; name="a"; filename=""', ""),
        ('form-data; name="a"; filename="b.wav"', "b.wav"),
        ("form-data; name=a; filename=b.wav", "b.wav"),
        ('form-data; name="a"; filename="say %22hi%22.wav"', 'say "hi".wav'),
        ('form-data; name="a"; filename="two%0D%0Alines.wav"', "twolines.wav"),
        ('form-data; name="a"; filename="say \\"hi\\".wav"', 'say "hi".wav'),
        ('form-data; name="a"; filename="100%25.wav"', "100%25.wav"),
        ('form-data; name="a"; filename="semi;colon.wav"', "semi;colon.wav"),
        ('form-data; name="a"; filename="grüße 音.wav"', "grüße 音.wav"),
        ('form-data; name="a"; filename="gru\u0308\u00dfe.wav"', "grüße.wav"),
        ('form-data; name="a"; filename="gr\u00fc\u00dfe.wav"'.encode("latin-1"), "grüße.wav"),
        ("form-data; name=\"a\"; filename*=UTF-8''gr%C3%BC%C3%9Fe.wav", "grüße.wav"),
        ('form-data; name="a"; filename="x.wav"; filename*=utf-8\'de\'y%20y.wav', "y y.wav"),
        ("form-data; name=\"a\"; filename*=iso-8859-1''gr%FC%DFe.wav", "grüße.wav"),
        ('form-data; name="a"; filename="x; filename*=utf-8\'\'y.wav"', "x; filename*=utf-8''y.wav"),
        ('form-data; name="a"; filename="C:\\\\dir\\\\b.wav"', "b.wav"),
        ("form-data; name=\"a\"; filename*=utf-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
    ],
)
def test_file_names_are_read_as_clients_write_them(disposition, filename):
    assert named(disposition).filename == filename


def test_names_of_fields_are_read_as_browsers_write_them():
    assert named('form-data; name="a%22b"').name == 'a"b'


def test_the_type_of_a_part_is_passed_on():
    ((began, _),) = parts_of([PART[:-2] + b"CONTENT-TYPE: audio/wav \r\n\r\n\r\n--XX--"])
    assert began.content_type == "audio/wav"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\\b\\c.wav", "c.wav"),
        ("/", ""),
        ("..", ""),
        (".", ""),
        ("a\0b\x1b[31m.wav", "ab[31m.wav"),
        ("invoice\u202evaw.exe", "invoicevaw.exe"),
        ("\ufeff a.wav ", "a.wav"),
        ("line\u2028break.wav", "linebreak.wav"),
        ("x" * 300 + ".wav", "x" * 251 + ".wav"),
        ("é" * 200 + ".flac", "é" * 125 + ".flac"),
        ("." + "x" * 300, "." + "x" * 254),
        ("x." + "y" * 300, "x." + "y" * 253),
    ],
)
def test_file_names_are_made_fit_to_be_shown(raw, shown):
    assert clean_filename(raw) == shown


@given(st.text(max_size=400))
def test_a_cleaned_file_name_is_short_and_stays_as_it_is(raw):
    name = clean_filename(raw)
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert not set(name) & {"/", "\\", "\0", "\n", "\u202e"}
    assert clean_filename(name) == name.strip()
