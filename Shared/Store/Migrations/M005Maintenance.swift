/// Partitions of the big tables, retention, and what a restored database must do before it serves.
enum M005Maintenance {
    static let sql = """
        -- Tables partitioned by ranges of a bigint, and how many rows a partition holds.
        create table fanfare.partitioned (
            name text primary key,
            width bigint not null
        );
        insert into fanfare.partitioned values ('events', 1000000), ('lanes', 1000000), ('webhook_audit', 1000000);

        create table fanfare.partitions (
            parent text not null references fanfare.partitioned,
            name text not null unique,
            from_value bigint not null,
            to_value bigint not null,
            created_at timestamptz not null default now(),
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

        -- Adds partitions until p_ahead whole ones lie in front of the next row. By LIKE, CHECK and ATTACH: a plain
        -- CREATE … PARTITION OF would hold every insert behind one long reader.
        create function fanfare.extend_partitions_v1(p_ahead int) returns int language plpgsql volatile as $$
        declare
            v_table fanfare.partitioned;
            v_from bigint;
            v_name text;
            v_made int := 0;
        begin
            perform pg_advisory_xact_lock(hashtext('fanfare.partitions'));
            for v_table in select * from fanfare.partitioned order by name loop
                v_from := (fanfare.next_value(v_table.name) / v_table.width) * v_table.width;
                for i in 0..p_ahead loop
                    if not exists (select 1 from fanfare.partitions p
                        where p.parent = v_table.name and p.from_value = v_from) then
                        v_name := format('%s_%s', v_table.name, v_from / v_table.width);
                        execute format('create table fanfare.%I (like fanfare.%I including all excluding indexes excluding identity)',
                            v_name, v_table.name);
                        execute format('alter table fanfare.%I add constraint %I check (%I >= %s and %I < %s)',
                            v_name, v_name || '_range', fanfare.partition_key(v_table.name), v_from,
                            fanfare.partition_key(v_table.name), v_from + v_table.width);
                        execute format('alter table fanfare.%I attach partition fanfare.%I for values from (%s) to (%s)',
                            v_table.name, v_name, v_from, v_from + v_table.width);
                        execute format('alter table fanfare.%I drop constraint %I', v_name, v_name || '_range');
                        insert into fanfare.partitions (parent, name, from_value, to_value)
                        values (v_table.name, v_name, v_from, v_from + v_table.width);
                        v_made := v_made + 1;
                    end if;
                    v_from := v_from + v_table.width;
                end loop;
            end loop;
            -- the dedupe window: a generation a day, tomorrow's in time
            for i in 0..2 loop
                v_name := 'dedupe_' || to_char((now() at time zone 'UTC')::date + i, 'YYYYMMDD');
                if to_regclass('fanfare.' || v_name) is null then
                    execute format('create table fanfare.%I (like fanfare.dedupe including defaults)', v_name);
                    execute format('alter table fanfare.dedupe attach partition fanfare.%I for values from (%L) to (%L)',
                        v_name, to_char((now() at time zone 'UTC')::date + i, 'YYYY-MM-DD') || ' 00:00:00+00',
                        to_char((now() at time zone 'UTC')::date + i + 1, 'YYYY-MM-DD') || ' 00:00:00+00');
                    v_made := v_made + 1;
                end if;
            end loop;
            return v_made;
        end $$;

        create function fanfare.partition_key(p_parent text) returns text language sql immutable as $$
            select case p_parent when 'events' then 'pos' else 'seq' end;
        $$;

        -- Whole partitions that nothing needs any more: their name and parent, oldest first. The caller detaches
        -- (CONCURRENTLY, which no function may) and drops them. Events go by age; lanes when every part has settled
        -- them; the audit by age.
        create function fanfare.expired_partitions_v1(p_feed interval, p_audit interval)
        returns table (parent text, name text, to_value bigint) language plpgsql stable as $$
        begin
            return query
                select p.parent, p.name, p.to_value from fanfare.partitions p
                where p.parent = 'lanes' and p.to_value < (select min(g.settled) from fanfare.progress g where g.topic = 'deliveries')
                    and p.to_value < (select next_seq from fanfare.lane_head)
                order by p.from_value;
            return query
                select p.parent, p.name, p.to_value from fanfare.partitions p
                where p.parent = 'events' and p.to_value < (select next_pos from fanfare.feed_head)
                    and p.to_value < (select min(g.fanned) from fanfare.progress g where g.topic = 'events')
                    and not exists (select 1 from fanfare.events e where e.pos >= p.from_value and e.pos < p.to_value
                        and e.recorded_at > now() - p_feed limit 1)
                order by p.from_value;
            return query
                select p.parent, p.name, p.to_value from fanfare.partitions p
                where p.parent = 'webhook_audit' and p.to_value < fanfare.next_value('webhook_audit')
                    and not exists (select 1 from fanfare.webhook_audit a where a.seq >= p.from_value
                        and a.seq < p.to_value and a.started_at > now() - p_audit limit 1)
                order by p.from_value;
        end $$;

        -- A database that was restored elsewhere starts a new epoch (cursors of the old one get 410); one that failed
        -- over to a replica leaves a gap, so that no position is given out twice.
        create function fanfare.adopt_cluster_v1() returns int language plpgsql volatile as $$
        declare
            v_head fanfare.feed_head;
            v_system text;
            v_timeline int;
        begin
            select * into v_head from fanfare.feed_head where shard = 0 for update;
            select system_identifier::text into v_system from pg_control_system();
            select timeline_id into v_timeline from pg_control_checkpoint();
            if v_head.system_identifier <> v_system then
                update fanfare.feed_head set epoch = epoch + 1, system_identifier = v_system, timeline = v_timeline,
                    next_pos = next_pos + 1000000 where shard = 0;
            elsif v_head.timeline <> v_timeline then
                update fanfare.feed_head set timeline = v_timeline, next_pos = next_pos + 1000000 where shard = 0;
            end if;
            return (select epoch from fanfare.feed_head where shard = 0);
        end $$;

        select fanfare.extend_partitions_v1(2);
        """
}
