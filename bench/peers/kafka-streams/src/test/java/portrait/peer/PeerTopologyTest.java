package portrait.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Events in, tag changes out, through the whole topology with its stores. */
class PeerTopologyTest {
    private static final Instant START = Instant.parse("2026-03-02T02:00:00Z"); // ten in the morning in Shanghai
    private static final Duration DAY = Duration.ofDays(1);

    @TempDir
    private Path state;
    private TopologyTestDriver driver;
    private TestInputTopic<byte[], byte[]> events;
    private TestOutputTopic<String, String> changes;
    private Instant now = START;
    private int sent;

    @BeforeEach
    void open() {
        Map<String, String> given = new HashMap<>(Map.of("id", "test", "brokers", "none:1", "state", state.toString(), "threads", "1",
            "guarantee", "exactly_once_v2", "commit", "30"));
        driver = new TopologyTestDriver(PeerTopology.build("in", "out", 1, false), Main.settings(given, false), START);
        events = driver.createInputTopic("in", new ByteArraySerializer(), new ByteArraySerializer());
        changes = driver.createOutputTopic("out", new StringDeserializer(), new StringDeserializer());
    }

    @AfterEach
    void close() {
        driver.close();
    }

    private void send(String event, String identifiers, String properties) {
        String json = String.format("{\"event_id\":\"e%d\",\"event\":\"%s\",\"time\":%d,\"channel\":\"app\",\"identifiers\":{%s},"
            + "\"properties\":{%s,\"page\":{\"path\":[1,2]}}}", sent++, event, now.toEpochMilli(), identifiers, properties);
        events.pipeInput(new byte[0], json.getBytes(StandardCharsets.UTF_8), now);
    }

    private void send(String event, String properties) {
        send(event, "\"customer_id\":\"c1\"", properties);
    }

    private void pass(Duration d) {
        now = now.plus(d);
        driver.advanceWallClockTime(d);
    }

    /** The tag changes since the last call: tag, value before and after, event or timer. */
    private List<String> told() {
        List<String> list = new ArrayList<>();
        for (TestRecord<String, String> r : changes.readRecordsToList()) {
            String v = r.value();
            list.add(field(v, "tag") + " " + field(v, "previous") + " > " + field(v, "value") + " v" + field(v, "version") + " "
                + (v.contains("\"kind\":\"timer\"") ? "at " + field(v, "event_time") : "by " + field(v, "event_id")));
            assertEquals(field(v, "tag"), new String(r.headers().lastHeader("tag").value(), StandardCharsets.UTF_8));
            assertEquals(field(v, "change"), new String(r.headers().lastHeader("change").value(), StandardCharsets.UTF_8));
            assertEquals(field(v, "profile_id"), r.key());
        }
        return list;
    }

    private static String field(String json, String name) {
        int from = json.indexOf("\"" + name + "\":") + name.length() + 3;
        int end = from;
        while (json.charAt(end) != ',' && json.charAt(end) != '}') {
            end++;
        }
        return json.substring(from, end).replace("\"", "");
    }

    @Test
    void theRecordIsTheContracts() {
        send("signed_in", "\"city\":\"Hangzhou\"");
        assertEquals("{\"id\":\"e1-p0-0-0\",\"profile_id\":\"7b368409-a0f6-3516-9f35-a287f4db547b\",\"tag\":\"lifecycle\","
            + "\"change\":\"entered\",\"value\":\"potential\",\"previous\":null,\"epoch\":1,\"version\":1,\"previous_version\":0,"
            + "\"catalog\":\"bench-12@1\",\"cause\":{\"kind\":\"event\",\"event_id\":\"e0\"},\"event_time\":\"2026-03-02T02:00:00.000Z\","
            + "\"decided_at\":\"2026-03-02T02:00:00.000Z\",\"identifiers\":{\"customer_id\":[\"c1\"]}}", changes.readValue());
        now = now.plusMillis(7);
        for (int i = 0; i < 6; i++) {
            send("order_paid", "\"amount\":850.5");
        }
        String spender = changes.readValuesToList().stream().filter(v -> v.contains("big_spender")).findFirst().orElseThrow();
        assertEquals("true", field(spender, "value"));
        assertEquals("2.5", field(spender, "weight"));
        assertEquals("2026-03-02T02:00:00.007Z", field(spender, "event_time"));
    }

    @Test
    void ordersMoveLifecycleAndRfm() {
        send("order_paid", "\"amount\":100.5");
        send("order_paid", "\"amount\":899.9");
        send("order_paid", "\"amount\":900.0");
        assertEquals(List.of("lifecycle null > new v1 by e0", "rfm null > promising v2 by e0", "lifecycle new > repeat v3 by e1",
            "rfm promising > loyal v4 by e1", "rfm loyal > champion v5 by e2", "big_basket false > true v6 by e2"), told());
        pass(DAY.multipliedBy(30).plusSeconds(1));
        assertEquals(List.of("silent false > true v7 at 2026-04-01T02:00:00.001Z"), told());
        pass(DAY.multipliedBy(61));
        // The window of 90 days moves by three: it and the age of the latest order end on different days.
        assertEquals(List.of("rfm champion > loyal v8 at " + ringEnd(START, 3, 30), "lifecycle repeat > dormant v9 at 2026-05-31T02:00:00.001Z"),
            told());
        send("checked_in", "\"scene\":1");
        assertEquals(List.of("silent true > false v10 by e3"), told());
    }

    /** When the bucket of an instant leaves a window of so many buckets of so many days. */
    private static String ringEnd(Instant at, long days, long buckets) {
        long width = days * Profile.DAY;
        return TagChange.time((Math.floorDiv(at.toEpochMilli(), width) + buckets) * width);
    }

    @Test
    void aCartIsAbandonedAfterADayAndForgottenAfterSeven() {
        send("cart_added", "\"amount\":10");
        told();
        pass(DAY.plusSeconds(1));
        pass(DAY.multipliedBy(6));
        assertEquals(List.of("cart_abandoned false > true v2 at 2026-03-03T02:00:00.001Z",
            "cart_abandoned true > false v3 at 2026-03-09T02:00:00.001Z"), told());
        send("cart_added", "\"amount\":10");
        pass(Duration.ofHours(3));
        send("order_paid", "\"amount\":10");
        pass(DAY.multipliedBy(2));
        assertEquals(List.of("lifecycle potential > new v4 by e2", "rfm null > promising v5 by e2"), told());
    }

    @Test
    void viewsAreCountedInTheirWindows() {
        for (String c : List.of("skincare", "haircare", "perfumes", "snackbox", "teahouse", "babycare")) {
            send("product_viewed", "\"category\":\"" + c + "\",\"amount\":500");
        }
        assertEquals(List.of("lifecycle null > potential v1 by e0", "explorer false > true v2 by e5"), told());
        for (int i = 0; i < 4; i++) {
            send("product_viewed", "\"category\":\"skincare\",\"amount\":" + (i == 3 ? "499.9" : "500"));
        }
        assertEquals(List.of(), told());
        pass(Duration.ofHours(1));
        send("product_viewed", "\"category\":\"skincare\",\"amount\":999.9");
        assertEquals(List.of("skincare_fan false > true v3 by e10"), told());
        pass(DAY.multipliedBy(29).plusHours(21));
        assertEquals(List.of("skincare_fan true > false v4 at " + ringEnd(START, 1, 30), "explorer true > false v5 at " + ringEnd(START, 1, 30)),
            told());
    }

    @Test
    void threeDaysOfSevenAreActive() {
        send("checked_in", "\"scene\":1");
        pass(Duration.ofHours(15)); // one in the morning
        send("checked_in", "\"scene\":1");
        pass(DAY);
        send("checked_in", "\"scene\":1");
        assertEquals(List.of("lifecycle null > potential v1 by e0", "active_this_week false > true v2 by e2", "community_regular false > true v3 by e2"),
            told());
        pass(DAY.multipliedBy(8));
        // The first of the three days is six days before the eighth of March; the ninth begins at 16:00 UTC.
        assertEquals(List.of("active_this_week true > false v4 at 2026-03-08T16:00:00.000Z"), told());
    }

    @Test
    void theLatestCityCounts() {
        send("signed_in", "\"city\":\"Shanghai\"");
        pass(Duration.ofSeconds(5));
        send("signed_in", "\"city\":\"Hangzhou\"");
        now = START.plusSeconds(2); // late
        send("signed_in", "\"city\":\"Shanghai\"");
        assertEquals(List.of("lifecycle null > potential v1 by e0", "from_shanghai false > true v2 by e0", "from_shanghai true > false v3 by e1"), told());
    }

    @Test
    void aDeviceBelongsToTheCustomerItWasSeenWith() {
        send("checked_in", "\"device_id\":\"d1\"", "\"scene\":1"); // a user of its own
        send("checked_in", "\"customer_id\":\"c1\",\"device_id\":\"d1\"", "\"scene\":1");
        send("checked_in", "\"device_id\":\"d1\"", "\"scene\":1");
        send("checked_in", "\"device_id\":\"d2\",\"customer_id\":\"c1\"", "\"scene\":1");
        List<String> records = changes.readValuesToList();
        assertEquals(4, records.size());
        assertEquals("{\"device_id\":[\"d1\"]}}", records.get(0).substring(records.get(0).indexOf("\"identifiers\":") + 14));
        assertEquals("community_regular", field(records.get(2), "tag"));
        assertEquals("multi_device", field(records.get(3), "tag"));
        assertEquals("{\"customer_id\":[\"c1\"],\"device_id\":[\"d1\",\"d2\"]}}",
            records.get(3).substring(records.get(3).indexOf("\"identifiers\":") + 14));
    }

    @Test
    void whatIsNoEventIsPassedOver() {
        for (String bad : List.of("", "[]", "{\"event\":\"checked_in\"}", "{\"event_id\":\"x\",\"time\":1,\"identifiers\":{}}", "{\"event_id\":")) {
            events.pipeInput(new byte[0], bad.getBytes(StandardCharsets.UTF_8), now);
        }
        send("checked_in", "\"scene\":1");
        assertEquals(List.of("lifecycle null > potential v1 by e0"), told());
    }
}
