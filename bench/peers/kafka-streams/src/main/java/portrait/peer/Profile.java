package portrait.peer;

import java.util.Arrays;

/** The state of one user: the features of the catalogue bench-12, the tags as they were last told, and the timer. */
final class Profile {
    static final long DAY = 86_400_000L;
    /** Asia/Shanghai, where calendar days are counted: eight hours east all year. */
    static final long ZONE = 8 * 3_600_000L;
    static final int RECENT_DAYS = 7;
    /** No timer. */
    static final long NEVER = Long.MAX_VALUE;
    static final int MOST_DEVICES = 32;

    long idHigh;
    long idLow;
    long changes; // tag changes told so far: the version of the latest
    long due = NEVER; // when the registered timer fires
    long lastSeen; // times are 0 until it happened
    long lastPaid;
    long lastCart;
    long lastSignedIn;
    String city; // of the latest signing in; null: none
    int orders;
    int checkins;
    long largest; // amount of an order, in millionths
    int day; // the latest calendar day with an event
    int days; // bit i: there was an event on day - i
    final byte[] tags = new byte[Tags.COUNT]; // as Tags numbers their values
    final Ring paid = new Ring(90 * DAY / 30, 30); // sums of amounts in 90 days
    final Ring skincare = new Ring(DAY, 30); // large views in 30 days
    final Ring categories = new Ring(DAY, 30); // by hash of the category: its latest bucket
    String[] devices = {};

    /** Counts an event. Events may come in any order. */
    void add(Event e) {
        lastSeen = Math.max(lastSeen, e.time);
        activeOn(Math.toIntExact(Math.floorDiv(e.time + ZONE, DAY)));
        if (e.device != null && devices.length < MOST_DEVICES && Arrays.binarySearch(devices, e.device) < 0) {
            devices = Arrays.copyOf(devices, devices.length + 1);
            devices[devices.length - 1] = e.device;
            Arrays.sort(devices);
        }
        switch (e.kind) {
            case VIEWED -> viewed(e);
            case CARTED -> lastCart = Math.max(lastCart, e.time);
            case PAID -> {
                orders++;
                lastPaid = Math.max(lastPaid, e.time);
                if (e.amount != Event.ABSENT) {
                    largest = Math.max(largest, e.amount);
                    paid.add(e.time, e.amount);
                }
            }
            case CHECKED_IN -> checkins++;
            case SIGNED_IN -> {
                if (e.time >= lastSignedIn) {
                    lastSignedIn = e.time;
                    city = e.city;
                }
            }
            case OTHER -> { }
        }
    }

    private void viewed(Event e) {
        if (e.category == null) {
            return;
        }
        categories.latest(e.time, e.category.hashCode());
        if (e.category.equals("skincare") && e.amount >= 500_000_000L) {
            skincare.add(e.time, 1);
        }
    }

    private void activeOn(int on) {
        if (on > day) {
            days = on - day < RECENT_DAYS ? days << (on - day) & (1 << RECENT_DAYS) - 1 : 0;
            day = on;
        }
        if (day - on < RECENT_DAYS) {
            days |= 1 << (day - on);
        }
    }

    /** How many of the seven calendar days up to that of the instant had events. */
    int activeDays(long now) {
        int today = Math.toIntExact(Math.floorDiv(now + ZONE, DAY));
        int ago = today - day;
        return ago >= RECENT_DAYS ? 0 : Integer.bitCount(days << ago & (1 << RECENT_DAYS) - 1);
    }
}
