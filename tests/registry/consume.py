"""Reads topics to their ends with Confluent's own deserializer, which fetches each schema from the
registry by the id in the message.

Nothing but the broker, the registry and the messages to go by. A record that does not decode ends
the program with a message and exit status 1.

usage: consume.py BOOTSTRAP PREFIX REGISTRY
"""

import json
import sys
import time
import uuid
from datetime import datetime, timedelta, timezone

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

PATIENCE_SECONDS = 60
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


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
            "group.id": "floorcast-tests-registry",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    topics = consumer.list_topics(timeout=20).topics
    partitions = [
        TopicPartition(name, number, OFFSET_BEGINNING)
        for name, topic in sorted(topics.items())
        if name.startswith(prefix)
        for number in topic.partitions
    ]
    if not partitions:
        sys.exit(f"{bootstrap}: no topic starts with {prefix}")
    consumer.assign(partitions)
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
    bootstrap, prefix, registry = sys.argv[1:]
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": registry}))
    for message in read(bootstrap, prefix):
        context = SerializationContext(message.topic(), MessageField.VALUE)
        record = {
            "topic": message.topic(),
            "key": message.key().decode(),
            "id": int.from_bytes(message.value()[1:5], "big"),
            "value": message.value().hex(),
            "event": deserialize(message.value(), context),
        }
        print(json.dumps(record, default=plain, ensure_ascii=False))


if __name__ == "__main__":
    main()
