package portrait.peer;

import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Says whose an event is, and gives it that key. A device belongs to the customer it was last seen with; a device that was
 * never seen with one is a user of its own. An event that names its customer needs no lookup, and one that names a
 * known device as well needs no write.
 */
final class ResolveProcessor implements Processor<byte[], Event, String, Event> {
    static final String STORE = "devices";
    static final String CUSTOMER = "customer_id:";
    static final String DEVICE = "device_id:";

    private ProcessorContext<String, Event> context;
    private KeyValueStore<String, String> devices;

    @Override
    public void init(ProcessorContext<String, Event> context) {
        this.context = context;
        devices = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<byte[], Event> record) {
        Event e = record.value();
        String customer = e.customer;
        if (e.device != null) {
            String known = devices.get(e.device);
            if (customer == null) {
                customer = known;
            } else if (!customer.equals(known)) {
                devices.put(e.device, customer);
            }
        }
        context.forward(record.withKey(customer != null ? CUSTOMER + customer : DEVICE + e.device));
    }
}
