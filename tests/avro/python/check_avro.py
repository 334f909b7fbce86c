"""Reads what the bridge exports and writes with fastavro, the library that most
Python programs read Avro with.

Arguments: the folder of the self-contained schemas, the folder of the joined ones, the folder of
the golden messages. Ends with status 1 and the first difference, or with one line that counts
what agreed.
"""

import io
import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import fastavro
import fastavro.schema

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def agree(what, expected, found):
    if expected != found:
        sys.exit(f"{what} differs: expected {expected}, found {found}")


def plain(value):
    """A value as it stands in JSON: times as milliseconds."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, UUID):
        return str(value)
    return value


def own_fingerprint(schema):
    """The eight bytes, as they stand on the wire."""
    canonical = fastavro.schema.to_parsing_canonical_form(schema)
    return bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))


def number(fingerprint):
    return fingerprint[::-1].hex()


def check_schemas(exported, joined, golden):
    schemas = {}
    for line in (golden / "fingerprints.txt").read_text().splitlines():
        event, fingerprint = line.split(" ")
        text = (exported / f"floorcast.v1.{event}.avsc").read_text(encoding="utf-8")
        schema = json.loads(text)
        agree(f"{event}: the fingerprint", fingerprint, number(own_fingerprint(schema)))
        # The joined files give the same schema: fastavro finds a record by its file's name.
        whole = fastavro.schema.load_schema(joined / f"floorcast.v1.{event}.avsc")
        agree(f"{event}: the joined form", fingerprint, number(own_fingerprint(whole)))
        schemas[event] = fastavro.parse_schema(schema)
    agree("the number of events", len(schemas), len(list(exported.glob("*.avsc"))))
    return schemas


def check_message(event, schemas, fingerprints, golden):
    message = bytes.fromhex((golden / f"{event}.hex").read_text())
    agree(f"{event}: the marker", b"\xc3\x01", message[:2])
    agree(f"{event}: the fingerprint", fingerprints[event], number(message[2:10]))
    datum = io.BytesIO(message[10:])
    value = plain(fastavro.schemaless_reader(datum, schemas[event]))
    agree(f"{event}: the bytes left over", b"", datum.read())
    expected = json.loads((golden / f"{event}.json").read_text(encoding="utf-8"))
    # As text, so that the order of the fields counts, too.
    agree(f"{event}: the fields", json.dumps(expected), json.dumps(value))


def main():
    exported, joined, golden = (Path(argument) for argument in sys.argv[1:])
    schemas = check_schemas(exported, joined, golden)
    lines = (golden / "fingerprints.txt").read_text().splitlines()
    fingerprints = dict(line.split(" ") for line in lines)
    events = sorted(path.stem for path in golden.glob("*.hex"))
    for event in events:
        check_message(event, schemas, fingerprints, golden)
    print(f"{len(schemas)} schemas and {len(events)} messages agree")


main()
