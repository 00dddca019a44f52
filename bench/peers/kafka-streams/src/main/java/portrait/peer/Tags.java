package portrait.peer;

/** The twelve tags of the catalogue bench-12: what they are at an instant, and when time alone can change one next. */
final class Tags {
    /** One tag: boolean if it has no values. Code 0 is off; of a boolean 1 is true; of an enum code n is value n - 1. */
    record Tag(String name, Double weight, String... values) {
        boolean isBoolean() {
            return values.length == 0;
        }
    }

    private static final Tag[] ALL = {
        new Tag("lifecycle", null, "dormant", "repeat", "new", "potential"),
        new Tag("rfm", null, "champion", "loyal", "promising"),
        new Tag("cart_abandoned", null),
        new Tag("silent", null),
        new Tag("big_spender", 2.5),
        new Tag("skincare_fan", null),
        new Tag("explorer", null),
        new Tag("active_this_week", null),
        new Tag("big_basket", null),
        new Tag("community_regular", null),
        new Tag("from_shanghai", null),
        new Tag("multi_device", null),
    };
    static final int COUNT = 12;
    private static final int LIFECYCLE = 0;
    private static final int RFM = 1;
    private static final int SILENT = 3;
    private static final int BIG_SPENDER = 4;
    private static final int SKINCARE_FAN = 5;
    private static final int EXPLORER = 6;
    private static final int ACTIVE = 7;
    private static final byte DORMANT = 1;
    private static final byte CHAMPION = 1;

    private static final long UNIT = 1_000_000L; // of amounts
    private static final long DORMANT_AFTER = 90 * Profile.DAY;
    private static final long SILENT_AFTER = 30 * Profile.DAY;
    private static final long ABANDONED_AFTER = Profile.DAY;
    private static final long FORGOTTEN_AFTER = 7 * Profile.DAY;

    private Tags() {
    }

    static Tag tag(int i) {
        return ALL[i];
    }

    /** Computes every tag of a profile at an instant that is not before its latest event. */
    static void evaluate(Profile p, long now, byte[] out) {
        long paidRecent = p.paid.sum(now);
        out[LIFECYCLE] = (byte) (p.orders >= 1 && now - p.lastPaid > DORMANT_AFTER ? DORMANT : p.orders >= 2 ? 2 : p.orders >= 1 ? 3 : 4);
        out[RFM] = (byte) (p.orders >= 3 && paidRecent >= 1800 * UNIT ? CHAMPION : p.orders >= 2 ? 2 : p.orders >= 1 ? 3 : 0);
        long cartAge = now - p.lastCart;
        out[2] = on(p.lastCart > p.lastPaid && cartAge > ABANDONED_AFTER && cartAge <= FORGOTTEN_AFTER);
        out[SILENT] = on(now - p.lastSeen > SILENT_AFTER);
        out[BIG_SPENDER] = on(paidRecent >= 5000 * UNIT);
        out[SKINCARE_FAN] = on(p.skincare.sum(now) >= 5);
        out[EXPLORER] = on(p.categories.count(now) >= 6);
        out[ACTIVE] = on(p.activeDays(now) >= 3);
        out[8] = on(p.largest >= 900 * UNIT);
        out[9] = on(p.checkins >= 3);
        out[10] = on("Shanghai".equals(p.city));
        out[11] = on(p.devices.length >= 2);
    }

    private static byte on(boolean holds) {
        return (byte) (holds ? 1 : 0);
    }

    /**
     * The next instant at which time alone can change a tag whose present values are in p.tags, NEVER if there is none. Counts in
     * windows only fall with time, so a tag that is off by one stays off.
     */
    static long nextChange(Profile p, long now) {
        long next = Profile.NEVER;
        if (p.orders >= 1 && p.tags[LIFECYCLE] != DORMANT) {
            next = p.lastPaid + DORMANT_AFTER + 1;
        }
        if (p.lastCart > p.lastPaid) {
            if (now - p.lastCart <= ABANDONED_AFTER) {
                next = Math.min(next, p.lastCart + ABANDONED_AFTER + 1);
            } else if (now - p.lastCart <= FORGOTTEN_AFTER) {
                next = Math.min(next, p.lastCart + FORGOTTEN_AFTER + 1);
            }
        }
        if (p.tags[SILENT] == 0) {
            next = Math.min(next, p.lastSeen + SILENT_AFTER + 1);
        }
        if (p.tags[RFM] == CHAMPION || p.tags[BIG_SPENDER] != 0) {
            next = Math.min(next, p.paid.leaves(now));
        }
        if (p.tags[SKINCARE_FAN] != 0) {
            next = Math.min(next, p.skincare.leaves(now));
        }
        if (p.tags[EXPLORER] != 0) {
            next = Math.min(next, p.categories.leaves(now));
        }
        if (p.tags[ACTIVE] != 0) {
            long midnight = (Math.floorDiv(now + Profile.ZONE, Profile.DAY) + 1) * Profile.DAY - Profile.ZONE;
            next = Math.min(next, midnight);
        }
        return next;
    }
}
