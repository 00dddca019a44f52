package portrait.peer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import org.apache.kafka.common.serialization.Serializer;

/** One record of the tag topic, as schemas/tagchange.schema.json has it. */
record TagChange(String id, String profile, Tags.Tag tag, byte from, byte to, long version, String event, long eventTime,
                 long decidedAt, String customer, String[] devices) {
    private static final JsonFactory JSON = new JsonFactory();

    /** entered, changed or left. */
    String change() {
        return from == 0 ? "entered" : to == 0 ? "left" : "changed";
    }

    /** Writes JSON. */
    static final class Json implements Serializer<TagChange> {
        @Override
        public byte[] serialize(String topic, TagChange c) {
            ByteArrayOutputStream out = new ByteArrayOutputStream(512);
            try (JsonGenerator g = JSON.createGenerator(out)) {
                c.write(g);
            } catch (IOException x) {
                throw new UncheckedIOException(x); // memory does not fail
            }
            return out.toByteArray();
        }
    }

    private void write(JsonGenerator g) throws IOException {
        g.writeStartObject();
        g.writeStringField("id", id);
        g.writeStringField("profile_id", profile);
        g.writeStringField("tag", tag.name());
        g.writeStringField("change", change());
        value(g, "value", to);
        value(g, "previous", from);
        if (tag.weight() != null) {
            g.writeNumberField("weight", tag.weight());
        }
        g.writeNumberField("epoch", 1);
        g.writeNumberField("version", version);
        g.writeNumberField("previous_version", version - 1);
        g.writeStringField("catalog", "bench-12@1");
        g.writeObjectFieldStart("cause");
        g.writeStringField("kind", event == null ? "timer" : "event");
        if (event != null) {
            g.writeStringField("event_id", event);
        }
        g.writeEndObject();
        g.writeStringField("event_time", time(eventTime));
        g.writeStringField("decided_at", time(decidedAt));
        g.writeObjectFieldStart("identifiers");
        if (customer != null) {
            g.writeArrayFieldStart("customer_id");
            g.writeString(customer);
            g.writeEndArray();
        }
        if (devices.length > 0) {
            g.writeFieldName("device_id");
            g.writeArray(devices, 0, devices.length);
        }
        g.writeEndObject();
        g.writeEndObject();
    }

    private void value(JsonGenerator g, String name, byte code) throws IOException {
        g.writeFieldName(name);
        if (tag.isBoolean()) {
            g.writeBoolean(code != 0);
        } else if (code == 0) {
            g.writeNull();
        } else {
            g.writeString(tag.values()[code - 1]);
        }
    }

    /** RFC 3339 in UTC with milliseconds, always three digits of them. */
    static String time(long ms) {
        LocalDateTime t = LocalDateTime.ofEpochSecond(Math.floorDiv(ms, 1000L), 0, ZoneOffset.UTC);
        StringBuilder b = new StringBuilder(24);
        digits(b, t.getYear(), 4).append('-');
        digits(b, t.getMonthValue(), 2).append('-');
        digits(b, t.getDayOfMonth(), 2).append('T');
        digits(b, t.getHour(), 2).append(':');
        digits(b, t.getMinute(), 2).append(':');
        digits(b, t.getSecond(), 2).append('.');
        return digits(b, (int) Math.floorMod(ms, 1000L), 3).append('Z').toString();
    }

    private static StringBuilder digits(StringBuilder b, int value, int width) {
        String text = Integer.toString(value);
        return b.append("0000", 0, width - text.length()).append(text);
    }
}
