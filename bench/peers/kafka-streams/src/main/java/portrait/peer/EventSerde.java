package portrait.peer;

import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;

/** The binary form of an event in the repartition topic: kind, time, amount, id, device, category, city. */
final class EventSerde implements Serde<Event> {
    private static final int FIXED = 1 + 8 + 8;

    @Override
    public Serializer<Event> serializer() {
        return (topic, e) -> {
            if (e == null) {
                return null;
            }
            byte[] id = Bytes.of(e.id);
            byte[] device = Bytes.of(e.device);
            byte[] category = Bytes.of(e.category);
            byte[] city = Bytes.of(e.city);
            byte[] out = new byte[FIXED + Bytes.size(id) + Bytes.size(device) + Bytes.size(category) + Bytes.size(city)];
            ByteBuffer b = ByteBuffer.wrap(out);
            b.put((byte) e.kind.ordinal()).putLong(e.time).putLong(e.amount);
            Bytes.put(b, id);
            Bytes.put(b, device);
            Bytes.put(b, category);
            Bytes.put(b, city);
            return out;
        };
    }

    @Override
    public Deserializer<Event> deserializer() {
        return (topic, data) -> {
            if (data == null) {
                return null;
            }
            ByteBuffer b = ByteBuffer.wrap(data);
            Event e = new Event();
            e.kind = Event.Kind.of(b.get());
            e.time = b.getLong();
            e.amount = b.getLong();
            e.id = Bytes.get(b);
            e.device = Bytes.get(b);
            e.category = Bytes.get(b);
            e.city = Bytes.get(b);
            return e;
        };
    }
}
