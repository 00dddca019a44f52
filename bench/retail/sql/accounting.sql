-- Where every line of the input went. Lines are counted by position, so that one stored twice would
-- show as fewer lines than rows.
SELECT
    (SELECT toString(uniqExact(events_partition, events_offset, events_index)) FROM (
        SELECT events_partition, events_offset, events_index FROM portrait.events
        UNION ALL
        SELECT events_partition, events_offset, events_index FROM portrait.duplicates
        UNION ALL
        SELECT events_partition, events_offset, events_index FROM portrait.rejections)),
    (SELECT toString(count()) FROM portrait.events),
    (SELECT toString(count()) FROM portrait.duplicates),
    (SELECT toString(count()) FROM portrait.rejections)
