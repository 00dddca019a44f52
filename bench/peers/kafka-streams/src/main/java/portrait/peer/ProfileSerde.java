package portrait.peer;

import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;

/** The binary form of a profile in its store and changelog. */
final class ProfileSerde implements Serde<Profile> {
    private static final byte VERSION = 1;
    private static final int FIXED = 1 + 9 * 8 + 4 * 4 + Tags.COUNT + 1;

    @Override
    public Serializer<Profile> serializer() {
        return (topic, p) -> p == null ? null : write(p);
    }

    @Override
    public Deserializer<Profile> deserializer() {
        return (topic, data) -> data == null ? null : read(ByteBuffer.wrap(data));
    }

    private static byte[] write(Profile p) {
        byte[] city = Bytes.of(p.city);
        byte[][] devices = new byte[p.devices.length][];
        int size = FIXED + Bytes.size(city) + p.paid.bytes() + p.skincare.bytes() + p.categories.bytes();
        for (int i = 0; i < devices.length; i++) {
            devices[i] = Bytes.of(p.devices[i]);
            size += Bytes.size(devices[i]);
        }
        byte[] out = new byte[size];
        ByteBuffer b = ByteBuffer.wrap(out);
        b.put(VERSION).putLong(p.idHigh).putLong(p.idLow).putLong(p.changes).putLong(p.due);
        b.putLong(p.lastSeen).putLong(p.lastPaid).putLong(p.lastCart).putLong(p.lastSignedIn).putLong(p.largest);
        b.putInt(p.orders).putInt(p.checkins).putInt(p.day).putInt(p.days).put(p.tags);
        Bytes.put(b, city);
        p.paid.write(b);
        p.skincare.write(b);
        p.categories.write(b);
        b.put((byte) devices.length);
        for (byte[] device : devices) {
            Bytes.put(b, device);
        }
        return out;
    }

    private static Profile read(ByteBuffer b) {
        byte version = b.get();
        if (version != VERSION) {
            throw new IllegalStateException("a profile of version " + version + "; this code reads " + VERSION);
        }
        Profile p = new Profile();
        p.idHigh = b.getLong();
        p.idLow = b.getLong();
        p.changes = b.getLong();
        p.due = b.getLong();
        p.lastSeen = b.getLong();
        p.lastPaid = b.getLong();
        p.lastCart = b.getLong();
        p.lastSignedIn = b.getLong();
        p.largest = b.getLong();
        p.orders = b.getInt();
        p.checkins = b.getInt();
        p.day = b.getInt();
        p.days = b.getInt();
        b.get(p.tags);
        p.city = Bytes.get(b);
        p.paid.read(b);
        p.skincare.read(b);
        p.categories.read(b);
        p.devices = new String[b.get()];
        for (int i = 0; i < p.devices.length; i++) {
            p.devices[i] = Bytes.get(b);
        }
        return p;
    }
}
