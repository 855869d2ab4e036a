/// Partitions of the big tables, retention, and what a restored database must do before it serves.
enum M005Maintenance {
    static let sql = """
        -- Tables partitioned by ranges of a bigint. `width` is how many rows the next partition holds: it doubles, up
        -- to `widest`, while partitions fill within an hour, since a statement locks every partition of its table.
        create table fanfare.partitioned (
            name text primary key,
            width bigint not null,
            widest bigint not null
        );
        insert into fanfare.partitioned values
            ('events', 1000000, 32000000), ('lanes', 1000000, 8000000), ('webhook_audit', 1000000, 32000000);

        create table fanfare.partitions (
            parent text not null references fanfare.partitioned,
            name text not null unique,
            from_value bigint not null,
            to_value bigint not null,
            created_at timestamptz not null default clock_timestamp(),
            primary key (parent, from_value)
        );

        -- Where the next row of a partitioned table goes.
        create function fanfare.next_value(p_parent text) returns bigint language plpgsql stable as $$
        begin
            return case p_parent
                when 'events' then (select next_pos from fanfare.feed_head)
                when 'lanes' then (select next_seq from fanfare.lane_head)
                else (select coalesce(last_value, 0) + 1
                    from pg_sequences where schemaname = 'fanfare' and sequencename = 'webhook_audit_seq_seq')
            end;
        end $$;

        create function fanfare.partition_key(p_parent text) returns text language sql immutable as $$
            select case p_parent when 'events' then 'pos' else 'seq' end;
        $$;

        -- Adds partitions until p_ahead whole ones lie in front of the next row. By LIKE, CHECK and ATTACH: a plain
        -- CREATE … PARTITION OF would hold every insert behind one long reader.
        create function fanfare.extend_partitions_v1(p_ahead int) returns int language plpgsql volatile as $$
        declare
            v_table fanfare.partitioned;
            v_key text;
            v_from bigint;
            v_name text;
            v_day date;
            v_made int := 0;
        begin
            perform pg_advisory_xact_lock(hashtext('fanfare.partitions'));
            for v_table in select * from fanfare.partitioned order by name loop
                v_key := fanfare.partition_key(v_table.name);
                while p_ahead > (select count(*) from fanfare.partitions p
                    where p.parent = v_table.name and p.from_value > fanfare.next_value(v_table.name)) loop
                    select coalesce(max(p.to_value), 0) into v_from from fanfare.partitions p
                    where p.parent = v_table.name;
                    if v_table.width < v_table.widest and (select count(*) from fanfare.partitions p
                        where p.parent = v_table.name and p.from_value > 0
                            and p.created_at > now() - interval '1 hour') > p_ahead then
                        v_table.width := v_table.width * 2;
                        update fanfare.partitioned set width = v_table.width where name = v_table.name;
                    end if;
                    v_name := format('%s_%s', v_table.name, v_from);
                    execute format('create table fanfare.%I (like fanfare.%I including all excluding indexes excluding identity)',
                        v_name, v_table.name);
                    execute format('alter table fanfare.%I add constraint %I check (%I >= %s and %I < %s)',
                        v_name, v_name || '_range', v_key, v_from, v_key, v_from + v_table.width);
                    execute format('alter table fanfare.%I attach partition fanfare.%I for values from (%s) to (%s)',
                        v_table.name, v_name, v_from, v_from + v_table.width);
                    execute format('alter table fanfare.%I drop constraint %I', v_name, v_name || '_range');
                    insert into fanfare.partitions (parent, name, from_value, to_value)
                    values (v_table.name, v_name, v_from, v_from + v_table.width);
                    v_made := v_made + 1;
                end loop;
            end loop;
            -- the dedupe window: a generation a day, tomorrow's in time
            for i in 0..2 loop
                v_day := (now() at time zone 'UTC')::date + i;
                v_name := 'dedupe_' || to_char(v_day, 'YYYYMMDD');
                if to_regclass('fanfare.' || v_name) is null then
                    execute format('create table fanfare.%I (like fanfare.dedupe including defaults)', v_name);
                    execute format('alter table fanfare.dedupe attach partition fanfare.%I for values from (%L) to (%L)',
                        v_name, to_char(v_day, 'YYYY-MM-DD') || ' 00:00:00+00',
                        to_char(v_day + 1, 'YYYY-MM-DD') || ' 00:00:00+00');
                    v_made := v_made + 1;
                end if;
            end loop;
            return v_made;
        end $$;

        -- How many whole partitions lie in front of the next row: 0 is an alert, since inserts end at its border.
        create function fanfare.partitions_ahead_v1() returns table (parent text, ahead bigint)
        language sql stable as $$
            select t.name, count(p.name) from fanfare.partitioned t
            left join fanfare.partitions p on p.parent = t.name and p.from_value > fanfare.next_value(t.name)
            group by t.name
            union all
            select 'dedupe', count(*) from generate_series(1, 2) i
            where to_regclass('fanfare.dedupe_' || to_char((now() at time zone 'UTC')::date + i, 'YYYYMMDD')) is not null;
        $$;

        -- Whole partitions that nothing needs any more, oldest first. The caller retires each, detaches it
        -- (CONCURRENTLY, which no function may) and drops it; `state` tells where a caller that died had got to.
        -- Events and audit go by age, judged by the newest row before the partition's end (an index look-up: both rise
        -- in time); lanes when every part has settled them; generations of the dedupe table when they lie before the
        -- window.
        create function fanfare.expired_partitions_v1(p_feed interval, p_audit interval, p_window interval)
        returns table (parent text, name text, to_value bigint, state text) language plpgsql stable as $$
        begin
            return query
                with candidates as (
                    select p.parent, p.name, p.to_value from fanfare.partitions p
                    where p.parent = 'lanes'
                        and p.to_value <= 1 + (select min(g.settled) from fanfare.progress g where g.topic = 'deliveries')
                        and p.to_value <= (select next_seq from fanfare.lane_head)
                    union all
                    select p.parent, p.name, p.to_value from fanfare.partitions p
                    where p.parent = 'events' and p.to_value <= (select next_pos from fanfare.feed_head)
                        and p.to_value <= 1 + (select min(g.fanned) from fanfare.progress g where g.topic = 'events')
                        and now() - p_feed > (select e.recorded_at from fanfare.events e where e.pos < p.to_value
                            order by e.pos desc limit 1)
                    union all
                    select p.parent, p.name, p.to_value from fanfare.partitions p
                    where p.parent = 'webhook_audit' and p.to_value <= fanfare.next_value('webhook_audit')
                        and now() - p_audit > (select a.started_at from fanfare.webhook_audit a where a.seq < p.to_value
                            order by a.seq desc limit 1)
                    union all
                    select 'dedupe', c.relname::text, null from pg_class c
                    where c.relnamespace = 'fanfare'::regnamespace and c.relname ~ '^dedupe_[0-9]{8}$'
                        and c.relkind = 'r'
                        and to_date(right(c.relname, 8), 'YYYYMMDD') + 1 < ((now() - p_window) at time zone 'UTC')::date
                )
                select c.parent, c.name, c.to_value, case
                    when to_regclass('fanfare.' || c.name) is null then 'dropped'
                    when i.inhrelid is null then 'detached'
                    when i.inhdetachpending then 'detaching'
                    else 'attached' end
                from candidates c
                left join pg_inherits i on i.inhrelid = to_regclass('fanfare.' || c.name)
                order by c.parent, c.to_value, c.name;
        end $$;

        -- Before a partition goes: readers that ask for what is in it get 410 from now on, not a gap.
        create function fanfare.retire_partition_v1(p_parent text, p_to bigint) returns void
        language plpgsql volatile as $$
        begin
            if p_parent = 'events' then
                update fanfare.feed_head set oldest_pos = greatest(oldest_pos, p_to) where shard = 0;
            elsif p_parent = 'lanes' then
                update fanfare.lane_head set oldest_seq = greatest(oldest_seq, p_to) where shard = 0;
            end if;
        end $$;

        -- Rows of the small tables that are past their time, some at a time.
        create function fanfare.purge_v1(p_window interval, p_dead interval, p_limit int) returns bigint
        language plpgsql volatile as $$
        declare
            v_aliases bigint;
            v_dead bigint;
        begin
            delete from fanfare.event_aliases where alias_id in (
                select alias_id from fanfare.event_aliases where stored_at < now() - p_window limit p_limit);
            get diagnostics v_aliases = row_count;
            delete from fanfare.dead_letters where id in (
                select id from fanfare.dead_letters where dead_at < now() - p_dead order by dead_at limit p_limit);
            get diagnostics v_dead = row_count;
            delete from fanfare.members where until < now() - interval '1 hour';
            return greatest(v_aliases, v_dead);
        end $$;

        -- A database that was restored elsewhere starts a new epoch (cursors of the old one get 410); one that failed
        -- over to a replica leaves a gap, so that no position is given out twice.
        create function fanfare.adopt_cluster_v1() returns int language plpgsql volatile as $$
        declare
            v_head fanfare.feed_head;
            v_system text;
            v_timeline int;
            v_jumps boolean;
        begin
            select * into v_head from fanfare.feed_head where shard = 0 for update;
            select system_identifier::text into v_system from pg_control_system();
            select timeline_id into v_timeline from pg_control_checkpoint();
            v_jumps := v_head.system_identifier <> v_system or v_head.timeline <> v_timeline;
            if v_jumps then
                update fanfare.feed_head set system_identifier = v_system, timeline = v_timeline,
                    epoch = epoch + (v_head.system_identifier <> v_system)::int,
                    next_pos = next_pos + 1000000 where shard = 0;
                perform fanfare.extend_partitions_v1(2);
            end if;
            return (select epoch from fanfare.feed_head where shard = 0);
        end $$;

        select fanfare.extend_partitions_v1(2);
        """
}
