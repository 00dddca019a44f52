package portrait.peer;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Writes and reads the strings of the hand-written binary forms: a byte of length, then UTF-8; null is length 255. */
final class Bytes {
    private static final int NULL = 255;
    private static final int LONGEST = 254;

    private Bytes() {
    }

    /** The bytes of a text, null for null. Texts of more than 254 bytes are refused. */
    static byte[] of(String text) {
        if (text == null) {
            return null;
        }
        byte[] b = text.getBytes(StandardCharsets.UTF_8);
        if (b.length > LONGEST) {
            throw new IllegalArgumentException("a text of " + b.length + " bytes; at most " + LONGEST);
        }
        return b;
    }

    static int size(byte[] text) {
        return 1 + (text == null ? 0 : text.length);
    }

    static void put(ByteBuffer to, byte[] text) {
        if (text == null) {
            to.put((byte) NULL);
            return;
        }
        to.put((byte) text.length).put(text);
    }

    static String get(ByteBuffer from) {
        int n = from.get() & 0xff;
        if (n == NULL) {
            return null;
        }
        int at = from.position();
        from.position(at + n);
        return new String(from.array(), from.arrayOffset() + at, n, StandardCharsets.UTF_8);
    }
}
