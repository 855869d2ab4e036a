internal import Database

/// The statements of `StoreWatch`. Each reads a bounded number of rows by an index, or the statistics.
enum WatchStatements {
    /// Lane rows that are looked at; a longer backlog is estimated from so many.
    private static let laneRows = 20_000
    /// Attempts that are due and counted; more are not told apart.
    private static let dueRows = 10_000

    static let head = Statement(
        "watch.head",
        """
        select h.next_pos - h.oldest_pos, h.config_version, (select count(*) from fanfare.parked_records),
            extract(epoch from clock_timestamp()
                - (select recorded_at from fanfare.events where pos >= h.oldest_pos order by pos limit 1))::float8,
            extract(epoch from clock_timestamp()
                - (select started_at from fanfare.webhook_audit order by seq limit 1))::float8,
            extract(epoch from clock_timestamp() - (select min(dead_at) from fanfare.dead_letters))::float8
        from fanfare.feed_head h
        """)

    /// Sessions, their limit, the oldest transaction, who waits for locks and for how long, the age of the oldest
    /// transaction number in the database.
    static let sessions = Statement(
        "watch.sessions",
        """
        select (select count(*) from pg_stat_activity where backend_type = 'client backend'),
            current_setting('max_connections')::bigint,
            (select coalesce(extract(epoch from max(clock_timestamp() - xact_start)), 0)::float8 from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()),
            (select count(*) from pg_locks where not granted),
            (select coalesce(extract(epoch from max(clock_timestamp() - waitstart)), 0)::float8 from pg_locks
                where not granted),
            (select age(datfrozenxid)::bigint from pg_database where datname = current_database())
        """)

    /// Positions behind the feed's head, and the age of the first event there. Every part moves with every fan-out, so
    /// whose event that is does not matter.
    static let fanOutLag = Statement(
        "watch.fan-out-lag",
        """
        select p.part, greatest(h.next_pos - 1 - p.fanned, 0),
            coalesce(extract(epoch from clock_timestamp()
                - (select e.recorded_at from fanfare.events e where e.pos > p.fanned order by e.pos limit 1)), 0)::float8
        from fanfare.feed_head h, fanfare.progress p where p.topic = 'events' order by p.part
        """)

    static let laneLag = Statement(
        "watch.lane-lag",
        """
        with low as (
            select coalesce(min(settled), 0) as settled from fanfare.progress where topic = 'deliveries'
        ), unsettled as (
            select l.seq, l.part, l.made_at from fanfare.lanes l, low
            where l.seq > low.settled order by l.seq limit \(laneRows)
        ), counted as (
            select r.part, count(*) as records, min(r.made_at) as oldest
            from unsettled r join fanfare.progress p on p.topic = 'deliveries' and p.part = r.part
            where r.seq > p.settled group by r.part
        ), beyond as (
            select greatest((select next_seq - 1 from fanfare.lane_head) - coalesce(max(seq), 0), 0) as unseen,
                greatest(count(*), 1) as seen
            from unsettled having count(*) = \(laneRows)
        )
        select p.part,
            (coalesce(c.records, 0) * (1 + coalesce((select unseen::float8 / seen from beyond), 0)))::bigint,
            coalesce(extract(epoch from clock_timestamp() - c.oldest), 0)::float8
        from fanfare.progress p left join counted c on c.part = p.part
        where p.topic = 'deliveries' order by p.part
        """)

    static let retryLag = Statement(
        "watch.retry-lag",
        """
        select d.part, count(*), extract(epoch from clock_timestamp() - min(d.due_at))::float8
        from (
            select part, due_at from fanfare.due where due_at < clock_timestamp() order by due_at limit \(dueRows)
        ) d group by d.part
        """)

    static let databaseSize = Statement("watch.database", "select pg_database_size(current_database())")

    /// Tables with all that belongs to them: bytes, rows, rows to be vacuumed.
    static let sizes = Statement(
        "watch.sizes",
        """
        select c.relname::text,
            (select coalesce(sum(pg_total_relation_size(t.relid)), 0)::bigint from pg_partition_tree(c.oid) t
                where t.isleaf),
            (select sum(s.n_live_tup)::bigint from pg_partition_tree(c.oid) t
                join pg_stat_user_tables s on s.relid = t.relid where t.isleaf),
            (select sum(s.n_dead_tup)::bigint from pg_partition_tree(c.oid) t
                join pg_stat_user_tables s on s.relid = t.relid where t.isleaf)
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'fanfare' and c.relkind in ('r', 'p') and not c.relispartition
        order by 1
        """)
}
