import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericEnumSymbol;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

/**
 * Reads messages that name a schema of a registry, with Java's own Avro library.
 *
 * <p>Arguments: the registry's URL, a file with one message in hexadecimal a line. Prints one JSON
 * object a message.
 */
public final class ReadRegistered {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final ObjectMapper MAPPER = new ObjectMapper();

  public static void main(String[] arguments) throws Exception {
    HttpClient client = HttpClient.newHttpClient();
    Map<Integer, Schema> schemas = new HashMap<>();
    for (String line : Files.readAllLines(Path.of(arguments[1]))) {
      ByteBuffer message = ByteBuffer.wrap(HexFormat.of().parseHex(line));
      if (message.get() != 0) {
        throw new AssertionError("no message of a registry: " + line);
      }
      int id = message.getInt();
      if (!schemas.containsKey(id)) {
        URI address = URI.create(arguments[0] + "/schemas/ids/" + id);
        HttpRequest request = HttpRequest.newBuilder(address).build();
        String body = client.send(request, HttpResponse.BodyHandlers.ofString()).body();
        String schema = MAPPER.readTree(body).get("schema").asText();
        schemas.put(id, new Schema.Parser().parse(schema));
      }
      byte[] datum = new byte[message.remaining()];
      message.get(datum);
      BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(datum, null);
      GenericRecord record = new GenericDatumReader<GenericRecord>(schemas.get(id)).read(null, decoder);
      if (!decoder.isEnd()) {
        throw new AssertionError("bytes are left over: " + line);
      }
      System.out.println(json(record));
    }
  }

  private static JsonNode json(Object value) {
    if (value == null) {
      return JSON.nullNode();
    } else if (value instanceof GenericRecord record) {
      ObjectNode object = JSON.objectNode();
      for (Schema.Field field : record.getSchema().getFields()) {
        object.set(field.name(), json(record.get(field.pos())));
      }
      return object;
    } else if (value instanceof List<?> items) {
      ArrayNode array = JSON.arrayNode();
      items.forEach(item -> array.add(json(item)));
      return array;
    } else if (value instanceof CharSequence || value instanceof GenericEnumSymbol) {
      return JSON.textNode(value.toString());
    } else if (value instanceof Long number) {
      return JSON.numberNode(number);
    } else if (value instanceof Double number) {
      return JSON.numberNode(number);
    } else if (value instanceof Boolean truth) {
      return JSON.booleanNode(truth);
    }
    throw new AssertionError("no event has a " + value.getClass());
  }
}
