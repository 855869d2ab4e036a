/// The feed: its head, its rows, the dedupe window, and the positions of who reads the log.
enum M001Feed {
    static let sql = """
        create schema if not exists fanfare;

        -- One row. Whoever gives out positions holds its lock until commit, so commit order is `pos` order and a
        -- poller that follows `pos` can miss nothing.
        create table fanfare.feed_head (
            shard int primary key default 0 check (shard = 0),
            next_pos bigint not null default 1,
            oldest_pos bigint not null default 1,
            last_recorded timestamptz not null default 'epoch',
            config_version bigint not null default 1,
            epoch int not null default 1,
            system_identifier text not null,
            timeline int not null
        ) with (fillfactor = 10);
        insert into fanfare.feed_head (system_identifier, timeline)
        select s.system_identifier::text, c.timeline_id from pg_control_system() s, pg_control_checkpoint() c;

        create table fanfare.events (
            pos bigint not null,
            recorded_at timestamptz not null,
            created_at timestamptz not null,
            part int not null,
            event_id text collate "C" not null,
            tenant_id text collate "C" not null,
            type text collate "C" not null,
            smith_id text collate "C",
            only_endpoint text collate "C",
            except_endpoint text collate "C",
            envelope bytea compression lz4 not null,
            primary key (pos)
        ) partition by range (pos);
        create index events_event_id on fanfare.events (event_id);
        create index events_tenant on fanfare.events (tenant_id, pos);
        create index events_type on fanfare.events (tenant_id, type, pos);
        create index events_smith on fanfare.events (tenant_id, smith_id, pos) where smith_id is not null;
        create index events_recorded on fanfare.events using brin (recorded_at)
            with (pages_per_range = 32, autosummarize = on);

        -- Which key was stored last, and as which event. A generation a day; a generation is dropped when it is
        -- older than the window. Uniqueness holds because look-up and insert happen under the head's lock.
        create table fanfare.dedupe (
            stored_at timestamptz not null,
            key_hash bytea not null,
            event_id text collate "C" not null
        ) partition by range (stored_at);
        create index dedupe_key on fanfare.dedupe (key_hash);

        -- A publisher that was told another id than the one stored (keys used around midnight, on Kafka).
        create table fanfare.event_aliases (
            alias_id text collate "C" primary key,
            event_id text collate "C" not null,
            stored_at timestamptz not null default now()
        );

        -- Where each consumer of each partition stands. Whoever takes a partition raises its epoch; a call that
        -- comes with an older epoch writes nothing.
        --   stored:  next log offset to store or project (Kafka)
        --   fanned:  every row of the part with pos <= fanned has its deliveries (topic events)
        --   settled: every lane row of the part with seq <= settled is done (Postgres lanes)
        --   batch:   number of the last settle call of this epoch, so that a repeated call writes nothing
        create table fanfare.progress (
            topic text collate "C" not null,
            part int not null,
            epoch bigint not null default 0,
            stored bigint not null default 0,
            fanned bigint not null default 0,
            settled bigint not null default 0,
            batch bigint not null default 0,
            primary key (topic, part)
        ) with (fillfactor = 10);

        -- Log records that no retry will store: kept, alerted on, never silently skipped.
        create table fanfare.parked_records (
            id bigint generated always as identity primary key,
            topic text not null,
            part int not null,
            log_offset bigint not null,
            reason text not null,
            record bytea not null,
            parked_at timestamptz not null default now(),
            unique (topic, part, log_offset)
        );
        """
}
