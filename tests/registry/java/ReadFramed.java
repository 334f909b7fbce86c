import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads every event of the topics that begin with a prefix, each by the schema that the registry
 * has under the id before it.
 *
 * <p>Arguments: the broker, the prefix, the registry. Prints one line of JSON for each record.
 */
public final class ReadFramed {
  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] arguments) throws Exception {
    Map<String, Object> settings =
        Map.of(
            "bootstrap.servers", arguments[0],
            "isolation.level", "read_committed",
            "enable.auto.commit", false);
    var bytes = new ByteArrayDeserializer();
    try (var consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
      List<TopicPartition> partitions =
          consumer.listTopics().entrySet().stream()
              .filter(topic -> topic.getKey().startsWith(arguments[1]))
              // The state of bridges is not for consumers.
              .filter(topic -> !topic.getKey().startsWith(arguments[1] + ".state."))
              .flatMap(topic -> topic.getValue().stream())
              .map((PartitionInfo part) -> new TopicPartition(part.topic(), part.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      Map<Integer, Schema> schemas = new HashMap<>();
      while (partitions.stream().anyMatch(part -> consumer.position(part) < ends.get(part))) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
          print(record, arguments[2], schemas);
        }
      }
    }
  }

  private static void print(
      ConsumerRecord<byte[], byte[]> record, String registry, Map<Integer, Schema> schemas)
      throws Exception {
    ByteBuffer value = ByteBuffer.wrap(record.value());
    if (value.get() != 0) {
      throw new IllegalStateException("a message is not framed for a registry");
    }
    int id = value.getInt();
    Schema schema = schemas.get(id);
    if (schema == null) {
      URI place = URI.create(registry + "/schemas/ids/" + id);
      String answer = HTTP.send(HttpRequest.newBuilder(place).build(), BodyHandlers.ofString()).body();
      schema = new Schema.Parser().parse(JSON.readTree(answer).get("schema").asText());
      schemas.put(id, schema);
    }
    byte[] datum = new byte[value.remaining()];
    value.get(datum);
    BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(datum, null);
    GenericRecord event = new GenericDatumReader<GenericRecord>(schema).read(null, decoder);
    if (!decoder.isEnd()) {
      throw new IllegalStateException("bytes are left after a " + schema.getName());
    }
    var line = JSON.createObjectNode();
    line.put("topic", record.topic());
    line.put("partition", record.partition());
    line.put("offset", record.offset());
    line.put("type", schema.getName());
    line.set("event", JSON.readTree(event.toString()));
    System.out.println(line);
  }

  private ReadFramed() {}
}
