package portrait.peer;

/** One event as the topology carries it: what features read, and no more. */
final class Event {
    /** What happened. Its place is its code in the repartition topic: add at the end. */
    enum Kind {
        VIEWED("product_viewed"), CARTED("cart_added"), PAID("order_paid"), CHECKED_IN("checked_in"), SIGNED_IN("signed_in"), OTHER("");

        private static final Kind[] ALL = values();
        private final String event;

        Kind(String event) {
            this.event = event;
        }

        static Kind of(String event) {
            for (Kind k : ALL) {
                if (k.event.equals(event)) {
                    return k;
                }
            }
            return OTHER;
        }

        static Kind of(int code) {
            return ALL[code];
        }
    }

    /** No amount. */
    static final long ABSENT = Long.MIN_VALUE;

    String id;
    Kind kind = Kind.OTHER;
    long time; // ms since 1970
    String customer; // null: not told; not in the repartition topic, whose key is the user
    String device; // null: not told
    String category; // null: none
    String city; // null: none
    long amount = ABSENT; // in millionths
}
