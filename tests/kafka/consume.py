"""Reads topics to their ends and decodes every record by the exported schemas.

A second opinion on what floorcast publishes: another client's code around the broker's protocol,
another Avro library, and nothing but the exported schemas to go by. A record that does not decode
ends the program with a message and exit status 1.

With a schema registry's address in place of the schemas, every record is read by confluent-kafka's
own deserializer, which asks the registry.

usage: consume.py BOOTSTRAP PREFIX SCHEMAS|URL
"""

import io
import json
import pathlib
import sys
import time
import uuid
from datetime import datetime, timedelta, timezone

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from fastavro.schema import fingerprint, to_parsing_canonical_form

SINGLE_OBJECT = b"\xc3\x01"
PATIENCE_SECONDS = 60
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def load_schemas(directory):
    """The exported schemas by the eight bytes that stand before a datum."""
    schemas = {}
    for path in sorted(pathlib.Path(directory).glob("floorcast.v1.*.avsc")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        canonical = to_parsing_canonical_form(schema)
        # The hex text is that of the bytes as they stand on the wire.
        key = bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))
        if key in schemas:
            sys.exit(f"{path.name}: its fingerprint is that of another schema")
        schemas[key] = (schema["name"].rpartition(".")[2], fastavro.parse_schema(schema, {}))
    if not schemas:
        sys.exit(f"{directory}: no floorcast.v1.*.avsc; export the schemas there first")
    return schemas


def decode(value, schemas):
    """The event's type and its fields."""
    if value is None or value[:2] != SINGLE_OBJECT:
        raise ValueError("no single object")
    if value[2:10] not in schemas:
        raise ValueError(f"no exported schema has the fingerprint {value[2:10].hex()}")
    name, schema = schemas[value[2:10]]
    datum = io.BytesIO(value[10:])
    event = fastavro.schemaless_reader(datum, schema, None)
    if datum.read(1):
        raise ValueError(f"bytes are left after the {name}")
    return name, event


def by_registry(url):
    """A function that decodes a message as those do who use Confluent's client."""
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroDeserializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    client = SchemaRegistryClient({"url": url})
    deserialize = AvroDeserializer(client)

    def read_one(message):
        value = message.value()
        if value is None or value[:1] != b"\x00":
            raise ValueError("not framed for a registry")
        schema = json.loads(client.get_schema(int.from_bytes(value[1:5], "big")).schema_str)
        context = SerializationContext(message.topic(), MessageField.VALUE)
        return schema["name"].rpartition(".")[2], deserialize(value, context)

    return read_one


def plain(value):
    """What JSON does not know: times as milliseconds, UUIDs as text."""
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"unexpected {type(value).__name__}")


def read(bootstrap, prefix):
    """All committed records of the topics, in order within each partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "floorcast-tests-python",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    topics = consumer.list_topics(timeout=20).topics
    partitions = [
        TopicPartition(name, number, OFFSET_BEGINNING)
        for name, topic in sorted(topics.items())
        # The state of bridges is not for consumers.
        if name.startswith(prefix) and not name.startswith(f"{prefix}.state.")
        for number in topic.partitions
    ]
    if not partitions:
        sys.exit(f"{bootstrap}: no topic starts with {prefix}")
    consumer.assign(partitions)
    # A partition that grows meanwhile reaches its end more than once.
    unread = {(partition.topic, partition.partition) for partition in partitions}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while unread:
        if time.monotonic() > deadline:
            sys.exit(f"{bootstrap}: the ends of the topics are not reached")
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error() is None:
            yield message
        elif message.error().code() == KafkaError._PARTITION_EOF:
            unread.discard((message.topic(), message.partition()))
        else:
            sys.exit(f"{bootstrap}: {message.error()}")
    consumer.close()


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    bootstrap, prefix, directory = sys.argv[1:]
    if directory.startswith("http://"):
        read_one = by_registry(directory)
    else:
        schemas = load_schemas(directory)

        def read_one(message):
            return decode(message.value(), schemas)

    for message in read(bootstrap, prefix):
        place = f"{message.topic()}/{message.partition()}@{message.offset()}"
        try:
            name, event = read_one(message)
        except (ValueError, EOFError, IndexError) as error:
            sys.exit(f"{place}: {error}")
        record = {
            "topic": message.topic(),
            "partition": message.partition(),
            "offset": message.offset(),
            "key": message.key().decode() if message.key() is not None else None,
            "headers": {key: value.decode() for key, value in message.headers() or []},
            "type": name,
            "event": event,
        }
        print(json.dumps(record, default=plain, ensure_ascii=False))


if __name__ == "__main__":
    main()
