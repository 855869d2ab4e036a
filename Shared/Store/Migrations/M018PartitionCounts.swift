/// How many partitions an installation was made with.
enum M018PartitionCounts {
    static let sql = """
        -- Where something lies depends on how many places there are: counts are fixed by whoever needs them first.
        create table fanfare.partition_counts (
            topic text collate "C" primary key,
            partitions int not null check (partitions > 0)
        );
        -- Every partition has its lease from the first moment on; with Kafka there are none, and the topics tell.
        insert into fanfare.partition_counts (topic, partitions)
        select topic, max(part) + 1 from fanfare.leases group by topic;

        -- Fixes the count if nobody has, and tells which it is.
        create function fanfare.partition_count_v1(p_topic text, p_partitions int) returns int
        language plpgsql volatile as $$
        declare v_count int;
        begin
            select partitions into v_count from fanfare.partition_counts where topic = p_topic;
            if found then return v_count; end if;
            insert into fanfare.partition_counts (topic, partitions) values (p_topic, p_partitions)
            on conflict do nothing;
            -- A statement of its own: it sees who was faster.
            return (select partitions from fanfare.partition_counts where topic = p_topic);
        end $$;
        """
}
