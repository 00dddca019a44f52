package portrait.peer;

import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.Cache;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.WriteBufferManager;

/** RocksDB with one cache and one budget of memtables for all stores of the process, and filters for keys that are not there. */
public final class Rocks implements RocksDBConfigSetter {
    private static final long CACHE = 256L << 20;
    private static final long MEMTABLES = 256L << 20;
    private static final Cache SHARED = new LRUCache(CACHE + MEMTABLES);
    private static final WriteBufferManager BUDGET = new WriteBufferManager(MEMTABLES, SHARED);
    private static final BloomFilter FILTER = new BloomFilter(10);

    @Override
    public void setConfig(String store, Options options, Map<String, Object> configs) {
        BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
        table.setBlockCache(SHARED);
        table.setFilterPolicy(FILTER);
        table.setCacheIndexAndFilterBlocks(true);
        table.setPinTopLevelIndexAndFilter(true);
        options.setTableFormatConfig(table);
        options.setWriteBufferManager(BUDGET);
        options.setWriteBufferSize(32L << 20);
        options.setMaxWriteBufferNumber(3);
    }

    @Override
    public void close(String store, Options options) {
        // What is shared lives as long as the process.
    }
}
