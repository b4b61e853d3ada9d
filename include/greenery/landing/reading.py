"""Read a table's file, or the parts of its folder, into rows of text. Every format gives the same text for a value."""

from __future__ import annotations

import csv
import gzip
import itertools
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

import duckdb
import pyarrow as pa

from greenery.source.folders import FORMATS, ExtractError
from greenery.source.tables import MONEY, TEXT, Column, RowSource, Table
from greenery.warehouse.connection import rows

MAX_LINE = 16 << 20
# The number of rows that Python holds in memory at the same time.
BATCH = 50_000
NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
)
DELIMITERS = ",;\t|"
# The message of Python's csv module for a quote that is never closed.
UNCLOSED_QUOTE = "unexpected end of data"
# The first bytes of formats that a file named .csv must not have, and what to do about it.
MAGIC = {
    b"\xff\xfe": "it is UTF-16: save it as CSV UTF-8",
    b"\xfe\xff": "it is UTF-16: save it as CSV UTF-8",
    b"PK\x03\x04": "it is a spreadsheet or a ZIP archive: save it as CSV UTF-8",
    b"PAR1": "it is a Parquet file: name it .parquet",
    b"\x1f\x8b": "it is compressed: name it .csv.gz",
}


@dataclass(frozen=True)
class Part:
    """A file of a table. first_row: the number of rows in the parts before it."""

    file: Path
    first_row: int


@dataclass(frozen=True)
class Raw:
    """The rows of a table as texts, in the temporary relation raw_<table>, numbered by its column rowid.

    extract: the name of the extract, for errors. source: the file, the folder of the parts, or the table. parts: the
        files. kind: of the relation.
    """

    extract: str
    source: Path | RowSource
    parts: tuple[Part, ...]
    kind: Literal["table", "view"] = "table"

    @property
    def where(self) -> str:
        """The extract and the file or folder, for errors."""
        return f"{self.extract}, {self.source}"

    def row(self, number: int) -> str:
        """Return extract, file and row of the table's row `number` (from 0), for errors."""
        part = next(part for part in reversed(self.parts) if part.first_row <= number)
        return f"{self.extract}, {part.file}, row {number - part.first_row + 1}"


def read(connection: duckdb.DuckDBPyConnection, table: Table, extract: str, source: Path) -> tuple[Raw, list[str]]:
    """Offer the rows of `source`, a file or a folder of parts, as raw_<table>; return them and the warnings.

    extract: the name of the extract, for errors.

    Raises ExtractError if a file can't be read, or if a column is missing, occurs twice or is nested.
    """
    with readable(f"{extract}, {source}"):
        files = _files(extract, source)
    if len(files) == 1 and _is_parquet(files[0]):
        # The rows stay in the file. To read doubtful rows a second time costs less than to copy all of them.
        with readable(f"{extract}, {source}"):
            texts, warnings = _parquet_texts(connection, table, files[0], f"{extract}, {files[0]}")
            numbered = texts.replace("select ", "select file_row_number as rowid, ", 1)
            connection.execute(f"create temp view raw_{table.name} as {numbered}")
        raw = Raw(extract, source, (Part(files[0], 0),), "view")
        return raw, [f"{source.name}: {warning}" for warning in warnings]
    columns = ", ".join(f"{column.name} varchar" for column in table.columns)
    connection.execute(f"create or replace temp table raw_{table.name} ({columns})")
    parts: list[Part] = []
    warnings = []
    count = 0
    for file in files:
        parts.append(Part(file, count))
        with readable(f"{extract}, {file}"):
            if _is_parquet(file):
                texts, found = _parquet_texts(connection, table, file, f"{extract}, {file}")
                connection.execute(f"insert into temp.raw_{table.name} {texts}")
            else:
                found = _load_csv(connection, table, file, f"{extract}, {file}")
        warnings += found
        count = int(connection.execute(f"select count(*) from temp.raw_{table.name}").fetchall()[0][0])
    return Raw(extract, source, tuple(parts)), [f"{source.name}: {warning}" for warning in dict.fromkeys(warnings)]


def _is_parquet(file: Path) -> bool:
    return file.suffix.lower() == ".parquet"


@contextmanager
def readable(where: str) -> Iterator[None]:
    """Turn the errors of libraries that can't read a file into ExtractError. where: extract and file, for messages."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise ExtractError(
            f"{where}: there is not enough memory to read it ({_reason(error)}): set GREENERY_MEMORY to more, then run "
            "the week again."
        ) from None
    except (duckdb.Error, OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise ExtractError(f"{where}: can't be read ({_reason(error)}): export the file again.") from None


def _reason(error: Exception) -> str:
    """Return the message of an error, without the line that DuckDB quotes: it may contain personal data."""
    first, *others = str(error).strip().splitlines() or [type(error).__name__]
    if first == UNCLOSED_QUOTE:
        return "a value begins with a quotation mark that is never closed"
    explanations = ("Expected Number of Columns", "Value with unterminated quote", "Invalid unicode")
    return ", ".join([first.removeprefix("Invalid Input Error: "), *(o for o in others if o.startswith(explanations))])


def _files(extract: str, source: Path) -> list[Path]:
    """Return the file, or the parts in the folder. Files that begin with a dot or an underscore are no parts."""
    if source.is_file():
        return [source]
    parts = sorted(path for path in source.iterdir() if not path.name.startswith((".", "_")))
    wrong = [path.name for path in parts if not path.is_file() or not path.name.lower().endswith(FORMATS)]
    if wrong or not parts:
        problem = f"{wrong[0]} is no file of type {' or '.join(FORMATS)}" if wrong else "the folder is empty"
        raise ExtractError(f"{extract}, {source}: {problem}: keep the parts of the table there, and nothing else.")
    return parts


def _quoted(name: str, mark: str) -> str:
    return mark + name.replace(mark, mark * 2) + mark


def as_text(name: str, type: str, column: Column) -> str:
    """Return the expression (SQL) that gives a column's values as the texts that a CSV file would have."""
    value = _quoted(name, '"')
    if type == "BLOB":
        text = f"decode({value})"
    elif type == "TIMESTAMP WITH TIME ZONE":
        text = f"cast({value} as timestamp)::varchar"
    elif type == "FLOAT":
        # From 2^24 on, several whole numbers are the same 32-bit float. The exponent shows that digits are lost.
        text = f"case when abs({value}) >= 1 << 24 then format('{{:e}}', {value}) else {value}::varchar end"
    elif type.startswith("DECIMAL"):
        text = f"regexp_replace({value}::varchar, '\\.0+$', '')"
    else:
        text = f"{value}::varchar"
    if type.startswith(NUMBERS) and column.type == MONEY:
        # The point in a number is decimal. With a fourth digit, a text such as 1.255 can't be read as thousands.
        text = f"regexp_replace({text}, '(\\.\\d{{3}})$', '\\10')"
    elif type in ("FLOAT", "DOUBLE") and column.type == TEXT and not column.is_code:
        text = f"regexp_replace({text}, '\\.0$', '')"
    return f"nullif({text}, '')"


def _parquet_texts(
    connection: duckdb.DuckDBPyConnection, table: Table, file: Path, where: str
) -> tuple[str, list[str]]:
    """Return the query of the file's rows as texts, and the warnings."""
    source, parameters = "read_parquet($file, hive_partitioning = false)", {"file": str(file)}
    described = rows(connection, f"describe select * from {source}", parameters)
    # DuckDB renames columns whose names differ only in case. The schema of the file has their real names.
    top_level = rows(connection, "select name, num_children from parquet_schema($file)", parameters)
    names = [
        name.strip().lower() for name in _top_level([(row["name"], row["num_children"] or 0) for row in top_level])
    ]
    _check_columns(table, names, where)
    warnings = not_landed(table, names)
    labels = label_columns(table)
    texts = []
    for column in table.columns:
        found = described[names.index(column.name)]
        name, type = found["column_name"], found["column_type"]
        if type.startswith(("STRUCT", "MAP", "UNION", "VARIANT")) or type.endswith("]"):
            raise ExtractError(f"{where}, column {column.name}: it is nested ({type[:80]}): export it as text.")
        if type == "BLOB":
            _check_utf8(
                connection, f"select {_quoted(name, chr(34))} as value from {source}", parameters, where, column
            )
        if column in labels and type.startswith(NUMBERS):
            warnings.append(f"{column.name} is a number there ({type}): leading zeros are lost, export it as text")
        texts.append(as_text(name, type, column))
    named = ", ".join(f"{text} as {column.name}" for text, column in zip(texts, table.columns, strict=True))
    return f"select {named} from {source.replace('$file', _quoted(str(file), chr(39)))}", warnings


def _top_level(schema: list[tuple[str, int]]) -> Iterator[str]:
    """Yield the names of the columns. The schema begins with the root and lists a column before its nested parts."""

    def end(position: int) -> int:
        following = position + 1
        for _ in range(schema[position][1]):
            following = end(following)
        return following

    position = 1
    while position < len(schema):
        yield schema[position][0]
        position = end(position)


def _check_utf8(
    connection: duckdb.DuckDBPyConnection, values: str, parameters: dict[str, str], where: str, column: Column
) -> None:
    query = f"""
        select position, value from (select row_number() over () as position, value from ({values}))
        where value is not null and try(decode(value)) is null order by position limit 1
    """
    for row in rows(connection, query, parameters):
        raise ExtractError(
            f"{where}, row {row['position']}, column {column.name}: the bytes {bytes(row['value'])[:20]!r} are not "
            "text in UTF-8: export the column as text."
        )


def _load_csv(connection: duckdb.DuckDBPyConnection, table: Table, file: Path, where: str) -> list[str]:
    """Append the file's rows to raw_<table>; return the warnings."""
    with file.open("rb") as handle:
        start = handle.read(4)
    is_compressed = file.suffix.lower() == ".gz"
    for magic, problem in MAGIC.items():
        if start.startswith(magic) and not (is_compressed and magic == b"\x1f\x8b"):
            raise ExtractError(f"{where}: can't be read, because {problem}.")
    names, delimiter, skip = _header(table, file)
    if not _is_utf8("".join(names)):
        raise ExtractError(f"{where}: the names of the columns are not text in UTF-8: save the file as CSV UTF-8.")
    _check_columns(table, names, where)
    # Types and dialect are given. If DuckDB guessed them, one odd row could change how the others are read.
    columns = ", ".join(f"c{number}: 'VARCHAR'" for number in range(len(names)))
    wanted = ", ".join(f"nullif(c{names.index(column.name)}, '')" for column in table.columns)
    query = f"""
        insert into temp.raw_{table.name} select {wanted} from read_csv(
            $file, auto_detect = false, header = true, skip = {skip}, columns = {{{columns}}},
            delim = {_quoted(delimiter, "'")}, quote = '"', escape = '"', nullstr = '', encoding = 'utf-8',
            compression = $compression, max_line_size = {MAX_LINE}, hive_partitioning = false)
    """
    parameters = {"file": str(file), "compression": "gzip" if is_compressed else "none"}
    # DuckDB ignores an empty value too many at the end of a row, although the values of the row may be shifted.
    if _may_be_surplus(file, delimiter, len(names)):
        ends_empty, _ = _check_rows(table, file, delimiter, skip, names, where)
        if ends_empty:
            _load_rows(connection, table, file, delimiter, skip, names)
            return not_landed(table, [*names, ""])
    try:
        connection.execute(query, parameters)
    except duckdb.InvalidInputException:
        try:
            _, is_mixed = _check_rows(table, file, delimiter, skip, names, where)
        except csv.Error:
            is_mixed = False
        if not is_mixed:
            raise
        # DuckDB reads lines that end in two ways only in a mode that ignores other faults too. Python's reader does not
        # ignore them.
        _load_rows(connection, table, file, delimiter, skip, names)
    return not_landed(table, names)


def _may_be_surplus(file: Path, delimiter: str, width: int) -> bool:
    """Return whether a row may have more values than `width`, the last of them empty. False is certain, True is not."""
    mark = delimiter.encode()
    with gzip.open(file) if file.suffix.lower() == ".gz" else file.open("rb") as handle:
        for line in handle:
            text = line.rstrip(b"\r\n")
            ends_empty = text.rstrip(b'"').endswith(mark)
            if b"\r" in text or (ends_empty and (b'"' in text or text.count(mark) != width - 1)):
                return True
    return False


def _check_rows(table: Table, file: Path, delimiter: str, skip: int, names: list[str], where: str) -> tuple[bool, bool]:
    """Return whether every row has one empty value too many at its end, and whether lines end in several ways.

    Raises ExtractError for the first other row with more or fewer values than names, and for the first value that is
    not in UTF-8; csv.Error for a wrong quote.
    """
    width = len(names)
    # Some exporters end every line in a delimiter, but not the line of the names.
    ends_empty = False
    with _open(file) as handle:
        for number, row in enumerate(_rows(handle, delimiter, skip), 1):
            if number == 1:
                ends_empty = len(row) == width + 1 and not row[-1]
            _check_encoding(table, names, row, f"{where}, row {number}")
            if len(row) == width + ends_empty and not (ends_empty and row[-1]):
                continue
            # If only the first row has a value too many, the first row is the wrong one.
            odd, count = (1, width + 1) if ends_empty and len(row) == width else (number, len(row))
            raise ExtractError(
                f"{where}, row {odd}: it has {count} value(s), but the file has {width} columns. Write one value for "
                f"each column, and put a value that holds {delimiter!r} in double quotes."
            )
        return ends_empty, isinstance(handle.newlines, tuple)


def _check_encoding(table: Table, names: list[str], row: list[str], where: str) -> None:
    """Raise ExtractError for the first value that is not in UTF-8. The message quotes it unless it is personal data."""
    landed = {column.name for column in table.landed}
    for name, value in itertools.zip_longest(names, row, fillvalue=""):
        if not _is_utf8(value):
            found = value.encode("utf-8", "surrogateescape")[:20]
            what = f"the bytes {found!r} are" if name in landed else "it is"
            raise ExtractError(f"{where}, column {name}: {what} not text in UTF-8: save the file as CSV UTF-8.")


def _is_utf8(text: str) -> bool:
    """Return whether a text that `_open` read has no byte that is not UTF-8."""
    return text.isascii() or not re.search("[\ud800-\udfff]", text)


def _rows(handle: TextIO, delimiter: str, skip: int) -> Iterator[list[str]]:
    """Yield the rows after the names, without the blank lines."""
    csv.field_size_limit(MAX_LINE)
    found = csv.reader(itertools.islice(handle, skip, None), delimiter=delimiter, strict=True)
    return itertools.islice(filter(None, found), 1, None)


def _load_rows(
    connection: duckdb.DuckDBPyConnection, table: Table, file: Path, delimiter: str, skip: int, names: list[str]
) -> None:
    """Read the rows of the file with Python's reader, and append them to raw_<table>."""
    places = [names.index(column.name) for column in table.columns]
    with _open(file) as handle:
        found = _rows(handle, delimiter, skip)
        while batch := list(itertools.islice(found, BATCH)):
            arrays = [pa.array([row[place] or None for row in batch], pa.string()) for place in places]
            connection.register("batch", pa.table(arrays, [column.name for column in table.columns]))
            connection.execute(f"insert into temp.raw_{table.name} from batch")
    connection.unregister("batch")


def _open(file: Path) -> TextIO:
    """Open a CSV file as text. Bytes that are not UTF-8 are kept: `_is_utf8` finds them."""
    if file.suffix.lower() == ".gz":
        return gzip.open(file, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="")
    return file.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _header(table: Table, file: Path) -> tuple[list[str], str, int]:
    """Return the column names in lower case, the delimiter, and how many lines there are before the names.

    Excel's first line `sep=;` names the delimiter. Without it, the delimiter that gives most of the table's columns is
    taken.
    """
    with _open(file) as handle:
        named = re.fullmatch(r'"?sep=(.)"?', handle.readline().rstrip("\r\n"), re.IGNORECASE)
    skip = 1 if named else 0

    def names(delimiter: str) -> list[str]:
        with _open(file) as handle:
            lines = itertools.islice(handle, skip, None)
            return [name.strip().lower() for name in next(csv.reader(lines, delimiter=delimiter), [])]

    candidates = {delimiter: names(delimiter) for delimiter in (named[1] if named else DELIMITERS)}
    known = {column.name for column in table.columns}
    delimiter = max(candidates, key=lambda candidate: len(known.intersection(candidates[candidate])))
    return candidates[delimiter], delimiter, skip


def _check_columns(table: Table, names: list[str], where: str) -> None:
    expected = [column.name for column in table.columns]
    missing = [name for name in expected if name not in names]
    if missing == expected:
        raise ExtractError(
            f"{where}: it names no column of {table.name}; expected {', '.join(expected)}. Check that it is the right "
            "file. A CSV file has to begin with the names of its columns."
        )
    if missing:
        raise ExtractError(
            f"{where}: column {', '.join(missing)} is missing; expected {', '.join(expected)}. Add it to the file."
        )
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise ExtractError(f"{where}: column {', '.join(twice)} is there twice: keep one.")


def label_columns(table: Table) -> list[Column]:
    """Return the columns whose texts a column of numbers would change, such as a zipcode."""
    return [column for column in table.landed if column.type == TEXT and not column.name.endswith("_id")]


def not_landed(table: Table, names: list[str]) -> list[str]:
    """Return a warning for each name of the source that is no column of the table."""
    known = {column.name for column in table.columns}
    warnings = [f"unknown column {name!r} was not landed" for name in names if name and name not in known]
    if nameless := names.count(""):
        warnings.append(f"{nameless} column(s) without a name were not landed")
    return warnings
