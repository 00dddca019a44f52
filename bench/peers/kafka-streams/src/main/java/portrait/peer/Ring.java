package portrait.peer;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Numbers in a sliding window of buckets counted from 1970. With b the width, the window at an instant covers the buckets k
 * with floor(now/b) - n &lt; k &lt;= floor(now/b). Only buckets that hold something take room. As a sum, an entry is a bucket and what
 * was added in it; as a set, a key and the latest bucket it was seen in.
 */
final class Ring {
    private static final int ENTRY = 4 + 8;
    private static final int MOST = 64; // keys of a set: those seen last stay

    private final long width;
    private final int length;
    private int size;
    private int[] buckets = {};
    private long[] values = {};

    Ring(long width, int length) {
        this.width = width;
        this.length = length;
    }

    /** Adds to the bucket of an instant. */
    void add(long time, long amount) {
        int k = bucket(time);
        for (int i = 0; i < size; i++) {
            if (buckets[i] == k) {
                values[i] += amount;
                return;
            }
        }
        if (reach(k)) {
            append(k, amount);
        }
    }

    /** Notes that a key was seen at an instant. */
    void latest(long time, long key) {
        int k = bucket(time);
        for (int i = 0; i < size; i++) {
            if (values[i] == key) {
                if (k > buckets[i]) {
                    buckets[i] = k;
                    reach(k);
                }
                return;
            }
        }
        if (!reach(k)) {
            return;
        }
        if (size == MOST) {
            remove(oldest());
        }
        append(k, key);
    }

    /** What was added in the window. */
    long sum(long now) {
        int newest = bucket(now);
        long sum = 0;
        for (int i = 0; i < size; i++) {
            if (buckets[i] > newest - length && buckets[i] <= newest) {
                sum += values[i];
            }
        }
        return sum;
    }

    /** How many entries are in the window: of a set, keys. */
    int count(long now) {
        int newest = bucket(now);
        int n = 0;
        for (int i = 0; i < size; i++) {
            if (buckets[i] > newest - length && buckets[i] <= newest) {
                n++;
            }
        }
        return n;
    }

    /** When the next bucket leaves the window of an instant, NEVER if none will. */
    long leaves(long now) {
        int newest = bucket(now);
        int first = Integer.MAX_VALUE;
        for (int i = 0; i < size; i++) {
            if (buckets[i] > newest - length) {
                first = Math.min(first, buckets[i]);
            }
        }
        return first == Integer.MAX_VALUE ? Profile.NEVER : (first + (long) length) * width;
    }

    private int bucket(long time) {
        return Math.toIntExact(Math.floorDiv(time, width));
    }

    /** Drops what a new bucket pushes out, and says whether the bucket itself is within the window of the newest. */
    private boolean reach(int k) {
        int newest = k;
        for (int i = 0; i < size; i++) {
            newest = Math.max(newest, buckets[i]);
        }
        for (int i = size - 1; i >= 0; i--) {
            if (buckets[i] <= newest - length) {
                remove(i);
            }
        }
        return k > newest - length;
    }

    private int oldest() {
        int at = 0;
        for (int i = 1; i < size; i++) {
            if (buckets[i] < buckets[at]) {
                at = i;
            }
        }
        return at;
    }

    private void append(int k, long value) {
        if (size == buckets.length) {
            buckets = Arrays.copyOf(buckets, size + 4);
            values = Arrays.copyOf(values, size + 4);
        }
        buckets[size] = k;
        values[size] = value;
        size++;
    }

    private void remove(int i) {
        size--;
        buckets[i] = buckets[size];
        values[i] = values[size];
    }

    int bytes() {
        return 1 + size * ENTRY;
    }

    void write(ByteBuffer to) {
        to.put((byte) size);
        for (int i = 0; i < size; i++) {
            to.putInt(buckets[i]).putLong(values[i]);
        }
    }

    void read(ByteBuffer from) {
        size = from.get();
        buckets = new int[size];
        values = new long[size];
        for (int i = 0; i < size; i++) {
            buckets[i] = from.getInt();
            values[i] = from.getLong();
        }
    }
}
