package portrait.peer;

import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The job: events, whose are they (a store of devices), by user (the repartition topic), profile and tags (stores of profiles and
 * timers), tag changes.
 */
final class PeerTopology {
    private PeerTopology() {
    }

    /** Builds it; caching says whether writes to stores are gathered until the next commit. */
    static Topology build(String input, String output, int partitions, boolean caching) {
        StreamsBuilder builder = new StreamsBuilder();
        Serde<Event> json = Serdes.serdeFrom((topic, e) -> {
            throw new UnsupportedOperationException("events are only read");
        }, new EventJson());
        Serializer<TagChange> changes = new TagChange.Json();
        builder.stream(input, Consumed.with(Serdes.ByteArray(), json))
            .process(supplier(ResolveProcessor::new, store(ResolveProcessor.STORE, Serdes.String(), Serdes.String(), caching)))
            .repartition(Repartitioned.with(Serdes.String(), new EventSerde()).withName("by-user").withNumberOfPartitions(partitions))
            .process(supplier(ProfileProcessor::new, store(ProfileProcessor.STORE, Serdes.String(), new ProfileSerde(), caching),
                store(ProfileProcessor.TIMERS, Serdes.Bytes(), Serdes.ByteArray(), caching)))
            .to(output, Produced.with(Serdes.String(), Serdes.serdeFrom(changes, (topic, data) -> {
                throw new UnsupportedOperationException("tag changes are only written");
            })));
        return builder.build();
    }

    private static <K, V> StoreBuilder<?> store(String name, Serde<K> key, Serde<V> value, boolean caching) {
        var b = Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), key, value)
            .withLoggingEnabled(Map.of());
        return caching ? b.withCachingEnabled() : b.withCachingDisabled();
    }

    private static <KI, VI, KO, VO> ProcessorSupplier<KI, VI, KO, VO> supplier(
        java.util.function.Supplier<Processor<KI, VI, KO, VO>> make, StoreBuilder<?>... stores) {
        return new ProcessorSupplier<>() {
            @Override
            public Processor<KI, VI, KO, VO> get() {
                return make.get();
            }

            @Override
            public Set<StoreBuilder<?>> stores() {
                return Set.of(stores);
            }
        };
    }
}
