import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.SchemaParser;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericEnumSymbol;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.avro.message.BinaryMessageEncoder;
import org.apache.avro.message.MissingSchemaException;

/**
 * Reads what the bridge exports and writes with Java's own Avro library.
 *
 * <p>Arguments: the folder of the self-contained schemas, the folder of the joined ones, the folder
 * of the golden messages. Ends with status 1 and the first difference, or with one line that
 * counts what agreed.
 */
public final class CheckAvro {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  public static void main(String[] arguments) throws Exception {
    Path exported = Path.of(arguments[0]);
    Path joined = Path.of(arguments[1]);
    Path golden = Path.of(arguments[2]);

    Map<String, Schema> schemas = new TreeMap<>();
    for (Path file : files(exported, ".avsc")) {
      Schema schema = new Schema.Parser().parse(file.toFile());
      agree(file + ": the name", schema.getFullName() + ".avsc", file.getFileName().toString());
      schemas.put(schema.getName(), schema);
    }

    List<String> fingerprints = Files.readAllLines(golden.resolve("fingerprints.txt"));
    agree("the number of events", fingerprints.size(), schemas.size());
    Map<String, Schema> together = parseTogether(joined);
    for (String line : fingerprints) {
      String[] parts = line.split(" ");
      Schema schema = schemas.get(parts[0]);
      long own = SchemaNormalization.parsingFingerprint64(schema);
      agree(parts[0] + ": the fingerprint", parts[1], String.format("%016x", own));
      // The joined files define the same records, docs and defaults included.
      agree(parts[0] + ": the joined form", schema, together.get(schema.getFullName()));
    }

    int messages = 0;
    for (Path file : files(golden, ".hex")) {
      String event = file.getFileName().toString().replace(".hex", "");
      byte[] message = HexFormat.of().parseHex(Files.readString(file).replaceAll("\\s", ""));
      String expected = Files.readString(golden.resolve(event + ".json"), StandardCharsets.UTF_8);
      checkMessage(event, schemas, message, new ObjectMapper().readTree(expected));
      messages += 1;
    }
    System.out.println(schemas.size() + " schemas and " + messages + " messages agree");
  }

  private static void checkMessage(
      String event, Map<String, Schema> schemas, byte[] message, JsonNode expected)
      throws Exception {
    Schema schema = schemas.get(event);
    GenericRecord record =
        new BinaryMessageDecoder<GenericRecord>(GenericData.get(), schema).decode(message);
    // As text, so that the order of the fields counts, too.
    agree(event + ": the fields", expected.toString(), json(record).toString());

    byte[] own =
        new BinaryMessageEncoder<GenericRecord>(GenericData.get(), schema).encode(record).array();
    agree(event + ": the bytes", HexFormat.of().formatHex(message), HexFormat.of().formatHex(own));

    // Whoever does not know the schema is told so, and never reads it as another event.
    String other = event.equals("CallRated") ? "CallQueued" : "CallRated";
    try {
      new BinaryMessageDecoder<GenericRecord>(GenericData.get(), schemas.get(other)).decode(message);
      throw new AssertionError(event + " was read as " + other);
    } catch (MissingSchemaException right) {
      // As it should be.
    }
  }

  private static Map<String, Schema> parseTogether(Path folder) throws Exception {
    SchemaParser parser = new SchemaParser();
    for (Path file : files(folder, ".avsc")) {
      parser.parse(file);
    }
    Map<String, Schema> schemas = new TreeMap<>();
    for (Schema schema : parser.getParsedNamedSchemas()) {
      schemas.put(schema.getFullName(), schema);
    }
    return schemas;
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

  private static List<Path> files(Path folder, String ending) throws Exception {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(ending)).sorted()
          .collect(Collectors.toList());
    }
  }

  private static void agree(String what, Object expected, Object found) {
    if (!expected.equals(found)) {
      System.err.println(what + " differs: expected " + expected + ", found " + found);
      System.exit(1);
    }
  }
}
