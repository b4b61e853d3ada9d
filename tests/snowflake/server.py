"""fakesnow as a server on loopback, in a process of its own, with the gaps filled in that the pipeline meets.

`python -m tests.snowflake.server PORT FILE` serves until its standard input closes. It adds each statement that it is
sent to FILE, as a line of JSON, and each login to `logins.jsonl` beside it. It refuses what `refused.json` there says:
pairs of a pattern, which a statement fits, and of the number and the message of Snowflake's error.
"""

from __future__ import annotations

import gzip
import importlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
from fakesnow import arrow, cursor
from fakesnow import server as serve
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ACCOUNT, PASSWORD = "acme", "a-canary-of-a-password"
# Its module has the name of the function that starts it.
service: Any = importlib.import_module("fakesnow.server")

_transform = cursor.FakeSnowflakeCursor._transform
_struct = arrow.timestamp_to_sf_struct
_schema = arrow.to_sf_schema
THEN = re.compile(r"(\S+) at\(timestamp => cast\('(\d{4})-(\d\d)-(\d\d) 00:00:00 \+0000' as timestamp_tz\)\)")


def _temporary_where_it_can_be(self: Any, expression: Any, params: Any) -> Any:
    """DuckDB keeps temporary tables in a catalog of their own: one that is created in a schema is a plain one here."""
    if isinstance(expression, exp.Create) and (properties := expression.args.get("properties")):
        table = expression.this.this if isinstance(expression.this, exp.Schema) else expression.this
        if isinstance(table, exp.Table) and table.db:
            kept = [one for one in properties.expressions if not isinstance(one, exp.TemporaryProperty)]
            properties.set("expressions", kept)
    return _transform(self, expression, params)


def _with_nulls(times: Any) -> pa.StructArray:
    """A time that is null gets its mask: else it arrives as 1970."""
    array = times.combine_chunks() if isinstance(times, pa.ChunkedArray) else times
    plain = _struct(array)
    fields = [field.with_nullable(True) for field in plain.type]
    children = [plain.field(place) for place in range(len(fields))]
    return pa.StructArray.from_arrays(children, fields=fields, mask=array.is_null())


def _nullable(schema: Any, rowtype: Any) -> pa.Schema:
    """The schema says of these times that they may be null."""
    return pa.schema(
        [
            field.with_type(pa.struct([part.with_nullable(True) for part in field.type]))
            if pa.types.is_struct(field.type)
            else field
            for field in _schema(schema, rowtype)
        ]
    )


def _travel(execute: Any, self: Any, command: str, *arguments: Any, **options: Any) -> Any:
    """It has no Time Travel: the table as it was on a day is the table of that name with `_AT_` and the day here.

    Where there is none, it says what Snowflake says of a day before the table's retention.
    """
    found = THEN.search(command)
    if not found:
        return execute(self, command, *arguments, **options)
    try:
        return execute(self, THEN.sub(r"\1_AT_\2\3\4", command), *arguments, **options)
    except ProgrammingError:
        execute(self, f"select * from {found[1]} limit 0")  # else there is no such table at all
        raise ProgrammingError(
            msg=f"Time travel data is not available for table {found[1]}. The requested time is either beyond the "
            "allowed time travel period or before the object creation time.",
            errno=707,
            sqlstate="02000",
        ) from None


async def _login(request: Request) -> Response:
    """It lets everyone in: here only the right account and password get in, as in Snowflake."""
    body = await request.body()
    given = json.loads(gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body)["data"]
    with Path(sys.argv[2]).with_name("logins.jsonl").open("a", encoding="utf-8") as file:
        made = {"by": given["CLIENT_ENVIRONMENT"]["APPLICATION"], "warehouse": request.query_params.get("warehouse")}
        file.write(json.dumps(made) + "\n")
    if given["ACCOUNT_NAME"] != ACCOUNT:
        return Response(status_code=404)
    if given["PASSWORD"] != PASSWORD:
        wrong = "Incorrect username or password was specified."
        return JSONResponse({"success": False, "code": "390100", "message": wrong, "data": {}})
    answer: Response = await service.login_request(request)
    return answer


def main() -> None:
    """Serve until the process that started this one closes the pipe."""
    port, statements = int(sys.argv[1]), Path(sys.argv[2])
    refused = statements.with_name("refused.json")
    execute = cursor.FakeSnowflakeCursor.execute

    def noted(self: Any, command: str, *arguments: Any, **options: Any) -> Any:
        with statements.open("a", encoding="utf-8") as file:
            file.write(json.dumps(command) + "\n")
        # It has no roles and grants, and no session of it ends: the tests say what Snowflake would refuse.
        for pattern, (number, message) in json.loads(refused.read_text()) if refused.exists() else ():
            if re.match(pattern, command.strip(), re.IGNORECASE):
                raise ProgrammingError(msg=message, errno=number, sqlstate="42501")
        # It drops no database. That of a test is gone with the server.
        command = re.sub(r"(?i)^drop database (\w+)$", r"select '\1'", command)
        # It has no virtual warehouses, so no function that names one.
        return _travel(execute, self, command.replace("current_warehouse()", "'GREENERY'"), *arguments, **options)

    cursor.FakeSnowflakeCursor.execute = noted  # type: ignore[method-assign]
    cursor.FakeSnowflakeCursor._transform = _temporary_where_it_can_be  # type: ignore[method-assign]
    arrow.timestamp_to_sf_struct = _with_nulls
    arrow.to_sf_schema = _nullable
    service.app.router.routes.insert(0, Route("/session/v1/login-request", _login, methods=["POST"]))
    with serve(port=port, host="127.0.0.1"):
        print("ready", flush=True)
        # Nobody reads the log of requests: a full pipe would hold up the server.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stdin.read()


if __name__ == "__main__":
    main()
