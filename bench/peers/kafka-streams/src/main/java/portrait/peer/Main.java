package portrait.peer;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.LogAndContinueExceptionHandler;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * Runs the topology until its standard input ends. It prints READY when every task runs. Arguments are name=value: brokers, id
 * (of the application), state (directory), input, output, partitions, threads, tune (drain or latency), guarantee
 * (exactly_once_v2 or at_least_once), commit (ms).
 */
public final class Main {
    private static final int CLOSE_SECONDS = 20;

    private Main() {
    }

    /** See the class. */
    public static void main(String[] arguments) throws InterruptedException {
        Map<String, String> given = new HashMap<>();
        for (String a : arguments) {
            int at = a.indexOf('=');
            if (at < 0) {
                throw new IllegalArgumentException(a + ": want name=value");
            }
            given.put(a.substring(0, at), a.substring(at + 1));
        }
        boolean drain = given.get("tune").equals("drain");
        KafkaStreams streams = new KafkaStreams(
            PeerTopology.build(given.get("input"), given.get("output"), Integer.parseInt(given.get("partitions")), drain),
            settings(given, drain));
        CountDownLatch end = new CountDownLatch(1);
        int[] code = {0};
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.RUNNING) {
                System.out.println("READY");
            } else if (now == KafkaStreams.State.ERROR) {
                code[0] = 1;
                end.countDown();
            }
        });
        streams.setUncaughtExceptionHandler(x -> {
            x.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Thread stdin = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { } // nothing is said there: it ends when the parent does
            } catch (IOException x) {
                x.printStackTrace();
            }
            end.countDown();
        });
        stdin.setDaemon(true);
        stdin.start();
        streams.start();
        end.await();
        streams.close(java.time.Duration.ofSeconds(CLOSE_SECONDS));
        System.exit(code[0]);
    }

    /** The settings for each question: as many events a second as possible, or as soon as possible. */
    static Properties settings(Map<String, String> given, boolean drain) {
        Properties p = new Properties();
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, given.get("id"));
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given.get("brokers"));
        p.put(StreamsConfig.STATE_DIR_CONFIG, given.get("state"));
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, given.get("threads"));
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, given.get("guarantee"));
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, given.get("commit"));
        p.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1); // one broker
        p.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, Rocks.class);
        p.put(StreamsConfig.DESERIALIZATION_EXCEPTION_HANDLER_CLASS_CONFIG, LogAndContinueExceptionHandler.class);
        p.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        p.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 128 << 20);
        if (drain) {
            // Writes of a second to one profile become one; requests are few and large.
            p.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 512L << 20);
            p.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 100);
            p.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 512 << 10);
            p.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5000);
            p.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 5000);
        } else {
            p.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0L);
            p.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 2);
            p.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 64 << 10);
        }
        return p;
    }
}
