package portrait.peer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;

/** Reads Portrait's event JSON (schemas/event.schema.json) with Jackson's streaming parser, and skips what no feature reads. */
final class EventJson implements Deserializer<Event> {
    private static final JsonFactory JSON = JsonFactory.builder()
        .enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER).build();
    private static final double MILLIONTHS = 1e6;

    @Override
    public Event deserialize(String topic, byte[] data) {
        if (data == null) {
            return null;
        }
        Event e = new Event();
        boolean timed = false;
        try (JsonParser p = JSON.createParser(data)) {
            if (p.nextToken() != JsonToken.START_OBJECT) {
                throw new SerializationException("an event is a JSON object");
            }
            for (String name = p.nextFieldName(); name != null; name = p.nextFieldName()) {
                JsonToken value = p.nextToken();
                switch (name) {
                    case "event_id" -> e.id = p.getText();
                    case "event" -> e.kind = Event.Kind.of(p.getText());
                    case "time" -> {
                        e.time = value == JsonToken.VALUE_STRING ? Instant.parse(p.getText()).toEpochMilli() : p.getLongValue();
                        timed = true;
                    }
                    case "identifiers" -> identifiers(p, e);
                    case "properties" -> properties(p, e);
                    default -> p.skipChildren();
                }
            }
        } catch (IOException | DateTimeParseException x) {
            throw new SerializationException("event", x);
        }
        if (e.id == null || !timed || e.customer == null && e.device == null) {
            throw new SerializationException("an event has event_id, time, and customer_id or device_id");
        }
        return e;
    }

    private static void identifiers(JsonParser p, Event e) throws IOException {
        for (String name = p.nextFieldName(); name != null; name = p.nextFieldName()) {
            p.nextToken();
            switch (name) {
                case "customer_id" -> e.customer = p.getText();
                case "device_id" -> e.device = p.getText();
                default -> p.skipChildren();
            }
        }
    }

    private static void properties(JsonParser p, Event e) throws IOException {
        for (String name = p.nextFieldName(); name != null; name = p.nextFieldName()) {
            JsonToken value = p.nextToken();
            switch (name) {
                case "category" -> e.category = p.getText();
                case "city" -> e.city = p.getText();
                case "amount" -> {
                    if (value.isNumeric()) {
                        e.amount = Math.round(p.getDoubleValue() * MILLIONTHS);
                    }
                }
                default -> p.skipChildren();
            }
        }
    }
}
