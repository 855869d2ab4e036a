/// More partitions for an installation that has some: by `fanfare partitions grow`, while its services are stopped.
enum M021PartitionGrowth {
    static let sql = """
        -- A growth of several steps (Kafka) that has begun and not ended: no service starts before it has.
        create table fanfare.partition_growth (
            shard int primary key default 0 check (shard = 0),
            from_events int not null,
            from_lanes int not null,
            events int not null,
            lanes int not null,
            started_at timestamptz not null default now()
        );
        -- What lay in partitions of the lanes when it began, and has to be moved: offsets from_offset <= o < to_offset.
        create table fanfare.partition_tails (
            topic text collate "C" not null,
            part int not null,
            from_offset bigint not null,
            to_offset bigint not null,
            primary key (topic, part)
        );

        -- Who works on this database: leases that last, members without one, and sessions of services.
        create function fanfare.partition_holders_v1() returns table (o_kind text, o_name text, o_place text, o_count bigint)
        language sql volatile as $$
            select 'lease', l.member, l.topic, count(*) from fanfare.leases l
            where l.member is not null and l.until > clock_timestamp() group by l.member, l.topic
            union all
            select 'member', m.member, m.topic, 0 from fanfare.members m
            where m.until > clock_timestamp() and not exists (select 1 from fanfare.leases l
                where l.topic = m.topic and l.member = m.member and l.until > clock_timestamp())
            union all
            select 'session', s.application_name, coalesce(host(s.client_addr), 'this machine'), count(*)
            from pg_stat_activity s
            where s.datname = current_database() and s.pid <> pg_backend_pid()
                and s.application_name in ('fanfare-ingest', 'fanfare-feed', 'fanfare-matcher', 'fanfare-delivery')
            group by s.application_name, s.client_addr
            order by 1, 2, 3
        $$;

        -- Rows of the lanes that nobody has finished.
        create function fanfare.unsettled_lanes_v1() returns setof fanfare.lanes language sql stable as $$
            select l.* from fanfare.lanes l left join fanfare.progress p on p.topic = 'deliveries' and p.part = l.part
            where l.seq > coalesce(p.settled, 0)
                and l.seq > (select case when count(*) < (select c.partitions from fanfare.partition_counts c
                        where c.topic = 'deliveries') then 0 else min(g.settled) end
                    from fanfare.progress g where g.topic = 'deliveries')
        $$;

        -- Endpoints of which something says by its part which lane is theirs.
        create function fanfare.laned_endpoints_v1() returns setof text language sql stable as $$
            select endpoint_id from fanfare.due
            union select endpoint_id from fanfare.cursors
            union select endpoint_id from fanfare.unsettled_lanes_v1()
        $$;

        -- Goes over to more partitions, all of it or nothing.
        --   p_endpoints, p_parts: the new lane of each of laned_endpoints_v1()
        -- Events stay in their part: whoever fans a part out asks no tenant for it, and a new part has none so far.
        -- Unfinished rows of the lanes are appended once more, each in the lane that is its endpoint's now, and all lanes
        -- are settled up to there: each is seen once, and what was settled is not seen again. Waiting attempts and cursors
        -- change their part. Whoever still believes to hold something has an old epoch.
        create function fanfare.grow_partitions_v1(
            p_events int, p_lanes int, p_endpoints text[], p_parts int[],
            out o_lanes bigint, out o_due bigint, out o_cursors bigint
        ) language plpgsql volatile as $$
        declare
            v_from_events int;
            v_from_lanes int;
            v_next_pos bigint;
            v_next_seq bigint;
            v_holders text;
            v_ahead int := 2;
        begin
            perform pg_advisory_xact_lock(hashtext('fanfare.lease'), hashtext('deliveries'));
            perform pg_advisory_xact_lock(hashtext('fanfare.lease'), hashtext('events'));
            perform 1 from fanfare.partition_counts order by topic for update;
            select string_agg(distinct o_name, ', ') into v_holders from fanfare.partition_holders_v1();
            if v_holders is not null then
                raise exception 'services are running: %', v_holders using errcode = '55006';
            end if;
            select coalesce((select g.from_events from fanfare.partition_growth g),
                    (select c.partitions from fanfare.partition_counts c where c.topic = 'events')),
                coalesce((select g.from_lanes from fanfare.partition_growth g),
                    (select c.partitions from fanfare.partition_counts c where c.topic = 'deliveries'))
            into v_from_events, v_from_lanes;
            if v_from_events is null or v_from_lanes is null then
                raise exception 'no service has fixed the counts of partitions yet' using errcode = '55000';
            end if;
            if p_events < v_from_events or p_lanes < v_from_lanes then
                raise exception 'partitions only grow' using errcode = '22023';
            end if;

            -- In the order of all other calls.
            perform 1 from fanfare.progress order by topic, part for update;
            select next_seq into v_next_seq from fanfare.lane_head where shard = 0 for update;
            select next_pos into v_next_pos from fanfare.feed_head where shard = 0 for update;

            insert into fanfare.progress as p (topic, part, fanned)
            select 'events', g, v_next_pos - 1 from generate_series(v_from_events, p_events - 1) g
            on conflict (topic, part) do update set fanned = greatest(p.fanned, excluded.fanned);

            o_lanes := 0;
            o_due := 0;
            o_cursors := 0;
            if p_lanes > v_from_lanes then
                if exists (select 1 from fanfare.laned_endpoints_v1() e(id)
                    where not exists (select 1 from unnest(p_endpoints) u(id) where u.id = e.id)) then
                    raise exception 'an endpoint came meanwhile' using errcode = '40001';
                end if;
                if exists (select 1 from fanfare.partition_counts where topic = 'deliveries') then
                    select count(*) into o_lanes from fanfare.unsettled_lanes_v1();
                    while v_next_seq + o_lanes >= (select max(to_value) from fanfare.partitions where parent = 'lanes') loop
                        v_ahead := v_ahead + 1;
                        perform fanfare.extend_partitions_v1(v_ahead);
                    end loop;
                    insert into fanfare.lanes (seq, pos, version, part, made_at, endpoint_id, cause)
                    select v_next_seq - 1 + row_number() over (order by l.seq), l.pos, l.version, m.part, l.made_at,
                        l.endpoint_id, l.cause
                    from fanfare.unsettled_lanes_v1() l join unnest(p_endpoints, p_parts) as m(endpoint, part)
                        on m.endpoint = l.endpoint_id;
                    update fanfare.lane_head set next_seq = next_seq + o_lanes where shard = 0;
                    perform fanfare.extend_partitions_v1(2);
                    insert into fanfare.progress as p (topic, part, settled)
                    select 'deliveries', g, v_next_seq - 1 from generate_series(0, p_lanes - 1) g
                    on conflict (topic, part) do update set settled = excluded.settled;
                end if;
                update fanfare.due d set part = m.part from unnest(p_endpoints, p_parts) as m(endpoint, part)
                where d.endpoint_id = m.endpoint and d.part <> m.part;
                get diagnostics o_due = row_count;
                update fanfare.cursors c set part = m.part from unnest(p_endpoints, p_parts) as m(endpoint, part)
                where c.endpoint_id = m.endpoint and c.part <> m.part;
                get diagnostics o_cursors = row_count;
            end if;

            update fanfare.progress set epoch = epoch + 1, batch = 0 where topic in ('events', 'deliveries', 'cursors');
            delete from fanfare.leases;
            delete from fanfare.members;
            update fanfare.partition_counts set partitions = case topic when 'events' then p_events else p_lanes end
            where topic in ('events', 'deliveries');
            delete from fanfare.partition_growth;
            delete from fanfare.partition_tails;
        end $$;

        -- As before, and refuses whoever counts other partitions than there are: a process of before they grew, that was
        -- stopped meanwhile and goes on, would put things where nobody looks for them.
        create or replace function fanfare.lease_v1(
            p_topic text, p_member text, p_ttl interval, p_parts int, p_release int[], p_leave boolean
        ) returns table (part int, epoch bigint, stored bigint, fanned bigint, settled bigint, is_new boolean,
            give_up boolean)
        language plpgsql volatile as $$
        declare
            v_now timestamptz;
            v_share int;
            v_mine int;
            v_taken int[];
            v_news boolean;
        begin
            perform pg_advisory_xact_lock(hashtext('fanfare.lease'), hashtext(p_topic));
            if not p_leave and exists (select 1 from fanfare.partition_counts c
                where c.topic = p_topic and c.partitions <> p_parts) then
                raise exception 'there are not % partitions of % any more', p_parts, p_topic
                    using errcode = '55000', hint = 'start this process again with the counts that fanfare partitions show prints';
            end if;
            v_now := clock_timestamp();
            insert into fanfare.leases (topic, part) select p_topic, g from generate_series(0, p_parts - 1) g
            on conflict do nothing;
            insert into fanfare.progress (topic, part) select p_topic, g from generate_series(0, p_parts - 1) g
            on conflict do nothing;
            update fanfare.leases l set member = null, until = 'epoch'
            where l.topic = p_topic and l.member = p_member and (p_leave or l.part = any (p_release));
            v_news := found or p_leave
                or not exists (select 1 from fanfare.members m where m.topic = p_topic and m.member = p_member);
            if v_news then perform pg_notify(p_topic || '.leases', p_member); end if;
            if p_leave then
                delete from fanfare.members m where m.topic = p_topic and m.member = p_member;
                return;
            end if;
            insert into fanfare.members as m (topic, member, until) values (p_topic, p_member, v_now + p_ttl)
            on conflict (topic, member) do update set until = excluded.until;
            delete from fanfare.members m where m.topic = p_topic and m.until < v_now;
            select ceil(p_parts::numeric / count(*))::int into v_share from fanfare.members m where m.topic = p_topic;

            update fanfare.leases l set until = v_now + p_ttl where l.topic = p_topic and l.member = p_member;
            get diagnostics v_mine = row_count;
            if v_mine < v_share then
                with free as (
                    select l.part from fanfare.leases l
                    where l.topic = p_topic and (l.member is null or l.until < v_now)
                    order by l.part limit v_share - v_mine
                ), taken as (
                    update fanfare.leases l set member = p_member, until = v_now + p_ttl
                    from free where l.topic = p_topic and l.part = free.part returning l.part
                )
                select array_agg(taken.part) into v_taken from taken;
            end if;
            if v_taken is not null then
                perform fanfare.take_partitions_v1(p_topic, v_taken);
            end if;
            return query
                select l.part, p.epoch, p.stored, p.fanned, p.settled, coalesce(l.part = any (v_taken), false),
                    row_number() over (order by l.part) > v_share
                from fanfare.leases l join fanfare.progress p on p.topic = l.topic and p.part = l.part
                where l.topic = p_topic and l.member = p_member order by l.part;
        end $$;
        """
}
