package portrait.peer;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Keeps the profile of each user: counts the event, tells the tags that it changed, and has a timer for the next change that
 * time alone can bring. Timers are lazy: an entry is written only if it is due before the one registered, and one that
 * fires looks again.
 */
final class ProfileProcessor implements Processor<String, Event, String, TagChange> {
    static final String STORE = "profiles";
    static final String TIMERS = "timers";
    /** How often due timers are looked for. */
    static final Duration TICK = Duration.ofSeconds(1);
    /** How many fire at most in one tick, so that a midnight wave does not hold up events for long. */
    static final int MOST_PER_TICK = 2000;

    private static final byte[] NOTHING = {0};

    private final byte[] now = new byte[Tags.COUNT];
    private ProcessorContext<String, TagChange> context;
    private KeyValueStore<String, Profile> profiles;
    private KeyValueStore<Bytes, byte[]> timers;
    private long offset = -1; // of the latest record, and how many changes were told since it came
    private int ordinal;

    @Override
    public void init(ProcessorContext<String, TagChange> context) {
        this.context = context;
        profiles = context.getStateStore(STORE);
        timers = context.getStateStore(TIMERS);
        context.schedule(TICK, PunctuationType.WALL_CLOCK_TIME, this::fire);
    }

    @Override
    public void process(Record<String, Event> record) {
        String user = record.key();
        Event e = record.value();
        offset = context.recordMetadata().map(RecordMetadata::offset).orElse(-1L);
        ordinal = 0;
        Profile p = profiles.get(user);
        if (p == null) {
            p = new Profile();
            UUID id = UUID.nameUUIDFromBytes(user.getBytes(StandardCharsets.UTF_8));
            p.idHigh = id.getMostSignificantBits();
            p.idLow = id.getLeastSignificantBits();
        }
        p.add(e);
        settle(user, p, Math.max(record.timestamp(), p.lastSeen), e.id, e.time, record.timestamp());
        profiles.put(user, p);
    }

    /** Tells what changed, and registers the timer. */
    private void settle(String user, Profile p, long at, String event, long eventTime, long timestamp) {
        Tags.evaluate(p, at, now);
        for (int i = 0; i < Tags.COUNT; i++) {
            if (now[i] != p.tags[i]) {
                tell(user, p, i, event, eventTime, timestamp);
                p.tags[i] = now[i];
            }
        }
        long next = Tags.nextChange(p, at);
        if (next < p.due) {
            p.due = next;
            timers.put(timer(next, user), NOTHING);
        }
    }

    private void tell(String user, Profile p, int i, String event, long eventTime, long timestamp) {
        String customer = user.startsWith(ResolveProcessor.CUSTOMER) ? user.substring(ResolveProcessor.CUSTOMER.length()) : null;
        String profile = new UUID(p.idHigh, p.idLow).toString();
        String id = "e1-p" + context.taskId().partition() + "-" + Math.max(0, offset) + "-" + ordinal++;
        TagChange c = new TagChange(id, profile, Tags.tag(i), p.tags[i], now[i], ++p.changes, event, eventTime,
            Math.max(context.currentStreamTimeMs(), timestamp), customer, p.devices);
        Headers headers = new RecordHeaders();
        headers.add("tag", c.tag().name().getBytes(StandardCharsets.UTF_8));
        headers.add("change", c.change().getBytes(StandardCharsets.UTF_8));
        context.forward(new Record<>(profile, c, timestamp, headers));
    }

    private static Bytes timer(long due, String user) {
        byte[] name = user.getBytes(StandardCharsets.UTF_8);
        return Bytes.wrap(ByteBuffer.allocate(8 + name.length).putLong(due).put(name).array());
    }

    /** Fires the timers that are due, those too that one which fires registers. */
    private void fire(long wall) {
        Bytes end = Bytes.wrap(ByteBuffer.allocate(8).putLong(wall + 1).array());
        for (int fired = 0; fired < MOST_PER_TICK;) {
            List<Bytes> due = new ArrayList<>();
            try (KeyValueIterator<Bytes, byte[]> entries = timers.range(null, end)) {
                while (entries.hasNext() && fired + due.size() < MOST_PER_TICK) {
                    due.add(entries.next().key);
                }
            }
            if (due.isEmpty()) {
                return;
            }
            for (Bytes entry : due) {
                fire(entry, wall);
            }
            fired += due.size();
        }
    }

    private void fire(Bytes entry, long wall) {
        timers.delete(entry);
        long at = ByteBuffer.wrap(entry.get()).getLong();
        String user = new String(entry.get(), 8, entry.get().length - 8, StandardCharsets.UTF_8);
        Profile p = profiles.get(user);
        if (p == null || p.due != at) {
            return; // one that is due earlier was registered after it, and has fired
        }
        p.due = Profile.NEVER;
        settle(user, p, Math.max(at, p.lastSeen), null, at, wall);
        profiles.put(user, p);
    }
}
