"""Runs the files of deploy/clickhouse with ClickHouse's engine, and prints the answers as one JSON object.

clickhouse.py FOLDER SPANS: the folder of the .sql files, and the path of OTLP JSON lines, which may have a `*`.
"""

import json
import pathlib
import sys

from chdb import session

folder, spans = pathlib.Path(sys.argv[1]), sys.argv[2]
engine = session.Session()


def ask(text, **parameters):
    answer = str(engine.query(text, "JSONEachRow", params=parameters))
    return [json.loads(line) for line in answer.splitlines()]


def file(name):
    return (folder / f"{name}.sql").read_text()


# numbers of 64 bits as numbers, not as strings
ask("SET output_format_json_quote_64bit_integers = 0")
ask(file("schema"))
ask(file("load"), spans=spans)
answers = {"loaded": ask("SELECT count() AS spans FROM otel_traces")}
for path in folder.glob("*.sql"):
    if path.stem not in ("schema", "load"):
        answers[path.stem] = ask(file(path.stem))
json.dump(answers, sys.stdout)
