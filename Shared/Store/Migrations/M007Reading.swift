/// What the feed process reads. Every function is STABLE: all it reads comes from the one snapshot of its statement,
/// so a page and the head it is compared with never disagree. Plans are made for each call (EXECUTE), because only
/// then does the planner leave out the partitions that cannot matter. Pages walk an index in order; a planner without
/// statistics (a new partition has none) would rather read and sort everything, so the long ways are switched off.
enum M007Reading {
    static let sql = """
        -- The first position whose event was stored at or after p_time. `recorded_at` never falls while `pos` rises,
        -- so this is a binary search; positions that were never given out are stepped over.
        create function fanfare.pos_at_v1(p_time timestamptz) returns bigint language plpgsql stable as $$
        declare
            v_low bigint;
            v_high bigint;
            v_middle bigint;
            v_pos bigint;
            v_at timestamptz;
        begin
            select oldest_pos, next_pos into v_low, v_high from fanfare.feed_head where shard = 0;
            while v_low < v_high loop
                v_middle := v_low + (v_high - v_low) / 2;
                execute 'select pos, recorded_at from fanfare.events where pos >= $1 and pos < $2 order by pos limit 1'
                into v_pos, v_at using v_middle, v_high;
                if v_pos is null or v_at >= p_time then
                    v_high := v_middle;
                else
                    v_low := v_pos + 1;
                end if;
            end loop;
            return v_low;
        end $$;

        -- One page of a tenant's feed behind (or, descending, before) p_after. The first row has no `pos`: it says
        -- where the head is, how far this page has looked (o_edge), and whether there may be more beyond.
        --   p_families: a type matches as itself or by a dot-aligned prefix; null: every type.
        --   p_scan: how many rows one call looks through for a rare type; the page ends early and moves on.
        --   p_bytes: how many bytes of envelopes a page has at most, except that it has at least one.
        create function fanfare.feed_page_v1(
            p_tenant text, p_after bigint, p_since timestamptz, p_until timestamptz, p_families text[], p_smith text,
            p_limit int, p_bytes bigint, p_scan int, p_descending boolean
        ) returns table (
            o_pos bigint, o_recorded timestamptz, o_envelope bytea, o_next bigint, o_oldest bigint, o_epoch int,
            o_edge bigint, o_more boolean
        ) language plpgsql stable set enable_bitmapscan = off set enable_seqscan = off set jit = off as $$
        declare
            v_head fanfare.feed_head;
            v_from bigint;
            v_to bigint;
            v_order text := case when p_descending then 'desc' else 'asc' end;
            v_candidates text;
            v_scan int := case when p_families is null then p_limit + 1 else p_scan end;
            v_types text[];
            v_page bigint[];
            v_cut boolean;
            v_scanned bigint;
            v_edge bigint;
            v_more boolean;
        begin
            select * into v_head from fanfare.feed_head where shard = 0;
            v_from := v_head.oldest_pos;
            v_to := v_head.next_pos;
            if p_after is not null and p_descending then v_to := least(v_to, p_after); end if;
            if p_after is not null and not p_descending then v_from := greatest(v_from, p_after + 1); end if;
            if p_since is not null then v_from := greatest(v_from, fanfare.pos_at_v1(p_since)); end if;
            if p_until is not null then v_to := least(v_to, fanfare.pos_at_v1(p_until)); end if;

            if p_families is not null and p_smith is null and v_to - v_from > p_scan then
                v_types := fanfare.known_types_v1(p_tenant, p_families, v_from, v_to, 64);
            end if;
            if v_types is not null then
                -- a long stretch and few types: their own index, whatever lies between
                v_scan := null;
                v_candidates := format('select e.* from unnest($3) as t(type) cross join lateral (
                    select v.pos, v.type, octet_length(v.envelope) as size from fanfare.events v
                    where v.tenant_id = $1 and v.type = t.type and v.pos >= $4 and v.pos < $5
                    order by v.pos %1$s limit $6 + 1) e order by e.pos %1$s limit $6 + 1', v_order);
            else
                v_candidates := format('select pos, type, octet_length(envelope) as size from fanfare.events
                    where tenant_id = $1 %s and pos >= $4 and pos < $5 order by pos %s limit $7',
                    case when p_smith is not null then 'and smith_id = $2' else '' end, v_order);
            end if;
            execute format($q$
                with scan as materialized (%1$s),
                hit as (
                    select pos, size from scan where %3$s order by pos %2$s limit $6 + 1
                ), summed as (
                    select pos, row_number() over w as n, sum(size) over w as total
                    from hit window w as (order by pos %2$s rows unbounded preceding)
                ), page as (
                    select pos from summed where n <= $6 and (n = 1 or total <= $8)
                )
                select (select array_agg(pos order by pos %2$s) from page),
                    (select count(*) from page) < (select count(*) from hit),
                    (select count(*) from scan), (select pos from scan order by pos %4$s limit 1)
                $q$, v_candidates, v_order,
                case when p_families is null or v_types is not null then 'true' else
                    'exists (select 1 from unnest($9) as f(name) where scan.type = f.name
                        or starts_with(scan.type, f.name || ''.''))' end,
                case when p_descending then 'asc' else 'desc' end)
            into v_page, v_cut, v_scanned, v_edge
            using p_tenant, p_smith, v_types, v_from, v_to, p_limit, v_scan, p_bytes, p_families;

            if v_cut then
                v_edge := v_page[cardinality(v_page)];
                v_more := true;
            elsif v_scanned = v_scan then
                v_more := true;
            else
                v_more := false;
                v_edge := case when p_descending then v_from else greatest(v_to - 1, coalesce(p_after, 0)) end;
            end if;
            return query select null::bigint, v_head.last_recorded, null::bytea, v_head.next_pos, v_head.oldest_pos,
                v_head.epoch, v_edge, v_more;
            if v_page is not null then
                return query execute format('select pos, recorded_at, envelope, null::bigint, null::bigint, null::int,
                    null::bigint, null::boolean from fanfare.events
                    where pos = any ($1) and pos between $2 and $3 order by pos %s', v_order)
                using v_page, least(v_page[1], v_page[cardinality(v_page)]),
                    greatest(v_page[1], v_page[cardinality(v_page)]);
            end if;
        end $$;

        -- A tenant's types of the given families in the partitions of a stretch of the feed, by jumping from one to
        -- the next in the index; null when there are more than p_most.
        create function fanfare.known_types_v1(
            p_tenant text, p_families text[], p_from bigint, p_to bigint, p_most int
        ) returns text[] language plpgsql stable as $$
        declare
            v_found text[] := '{}';
            v_family text;
            v_type text;
            v_low text;
            v_width bigint;
            v_steps int := 0;
        begin
            select width into v_width from fanfare.partitioned where name = 'events';
            foreach v_family in array p_families loop
                v_low := v_family;
                loop
                    -- whole partitions: a position inside one would be looked for row by row
                    execute 'select type from fanfare.events where tenant_id = $1 and type >= $2 and type < $3
                        and pos >= $4 and pos < $5 order by type limit 1'
                    into v_type using p_tenant, v_low, v_family || '/', p_from / v_width * v_width,
                        (p_to / v_width + 1) * v_width;
                    exit when v_type is null;
                    if v_type = v_family or starts_with(v_type, v_family || '.') then
                        v_found := v_found || v_type;
                    end if;
                    v_steps := v_steps + 1;
                    if v_steps > p_most then return null; end if;
                    -- no type has a blank, so nothing lies between
                    v_low := v_type || ' ';
                end loop;
            end loop;
            return v_found;
        end $$;

        -- An event by its id or by one that a loser of the dedupe was told. p_time: the time in the id; an event is
        -- never stored before it, so the search begins in that partition and goes up.
        create function fanfare.find_event_v1(p_id text, p_time timestamptz) returns table (
            o_pos bigint, o_part int, o_event text, o_tenant text, o_type text, o_only text, o_except text,
            o_recorded timestamptz, o_envelope bytea
        ) language plpgsql stable as $$
        declare
            v_id text := p_id;
            v_from bigint;
            v_low bigint;
            v_high bigint;
        begin
            select event_id into v_id from fanfare.event_aliases where alias_id = p_id;
            -- a winner may be as much older as the dedupe window can be long; a clock may be a little off
            v_from := fanfare.pos_at_v1(p_time
                - case when found then interval '8 days' else interval '10 minutes' end);
            v_id := coalesce(v_id, p_id);
            for v_low, v_high in select from_value, to_value from fanfare.partitions
                where parent = 'events' and to_value > v_from order by from_value
            loop
                return query execute 'select pos, part, event_id, tenant_id, type, only_endpoint, except_endpoint,
                    recorded_at, envelope from fanfare.events where event_id = $1 and pos >= $2 and pos < $3 limit 1'
                using v_id, v_low, v_high;
                if found then return; end if;
            end loop;
        end $$;

        create index webhook_audit_inbound on fanfare.webhook_audit (tenant_id, seq) where webhook_id is null;

        -- Attempts of a tenant, newest first, before p_before. The first row has no `seq`: it says how far this page
        -- has looked and whether there may be more. p_latest: only the last one of each delivery, which is what the
        -- delivery's state is derived from.
        create function fanfare.audit_page_v1(
            p_tenant text, p_direction text, p_webhook text, p_event text, p_delivery text, p_type text,
            p_verdict text, p_since timestamptz, p_until timestamptz, p_before bigint, p_limit int, p_scan int,
            p_latest boolean
        ) returns table (
            o_seq bigint, o_edge bigint, o_more boolean, o_row fanfare.webhook_audit
        ) language plpgsql stable set enable_bitmapscan = off set enable_seqscan = off set jit = off as $$
        declare
            v_sources text;
            v_scan int := greatest(p_limit + 1, p_scan);
            v_page bigint[];
            v_cut boolean;
            v_edge bigint;
            v_last timestamptz;
            v_columns text := 'a.seq, a.delivery_id, a.direction, a.webhook_id, a.event_id, a.event_type, a.verdict,
                a.started_at';
        begin
            if p_delivery is not null then
                v_sources := 'select 1 as source, s.* from (select %s from fanfare.webhook_audit a
                    where a.delivery_id = $3 and a.tenant_id = $1 and a.seq < $4 order by a.seq desc limit $5) s';
            elsif p_event is not null then
                -- what its doors wrote, and its deliveries by the bits that their ids share with the event's
                v_sources := 'select ''door'' as source, s.* from (select %1$s from fanfare.webhook_audit a
                        where a.event_id = $6 and a.delivery_id is null and a.tenant_id = $1 and a.seq < $4
                        order by a.seq desc limit $5) s
                    union all
                    select ''lanes'', s.* from (select * from (select %1$s from fanfare.webhook_audit a
                        where a.delivery_id >= ''dlv_'' || substr($6, 5, 13)
                            and a.delivery_id < ''dlv_'' || substr($6, 5, 13) || ''~'' and a.event_id = $6
                            and a.tenant_id = $1 and a.seq < $4 offset 0) a order by a.seq desc limit $5) s';
            elsif p_webhook is not null then
                v_sources := 'select 1 as source, s.* from (select %s from fanfare.webhook_audit a
                    where a.webhook_id = $2 and a.tenant_id = $1 and a.seq < $4 order by a.seq desc limit $5) s';
            else
                -- every webhook that the tenant ever had, and the doors; each from its own end of the index
                select greatest(p_limit + 1, p_scan / (count(distinct webhook_id)::int + 1)) into v_scan
                from fanfare.webhook_revisions where tenant_id = p_tenant;
                v_sources := 'select w.id::text as source, s.* from (select distinct webhook_id as id
                        from fanfare.webhook_revisions where tenant_id = $1) w
                    cross join lateral (select %1$s from fanfare.webhook_audit a
                        where a.webhook_id = w.id and a.tenant_id = $1 and a.seq < $4 order by a.seq desc limit $5) s
                    union all
                    select ''doors'', s.* from (select %1$s from fanfare.webhook_audit a
                        where a.webhook_id is null and a.tenant_id = $1 and a.seq < $4 order by a.seq desc limit $5) s';
            end if;
            execute format($q$
                with scan as materialized (%1$s),
                -- what a source that was cut off would still have lies below its last row
                frontier as (
                    select coalesce(max(lowest), 0) as seq from (
                        select min(seq) as lowest from scan group by source having count(*) >= $5) cut
                ), hit as (
                    select s.seq from scan s, frontier f
                    where s.seq >= f.seq
                        and ($7::text is null or s.event_type = $7)
                        and ($8::text is null or s.verdict = $8)
                        and ($9::timestamptz is null or s.started_at >= $9)
                        and ($10::timestamptz is null or s.started_at < $10)
                        and ($6::text is null or s.event_id = $6)
                        and ($2::text is null or s.webhook_id = $2)
                        and ($11::text is null or s.direction = $11)
                        and (not $12 or s.delivery_id is not null and not exists (
                            select 1 from fanfare.webhook_audit later
                            where later.delivery_id = s.delivery_id and later.seq > s.seq))
                    order by s.seq desc limit $13 + 1
                )
                select (select array_agg(seq order by seq desc) from (select seq from hit order by seq desc limit $13) p),
                    (select count(*) > $13 from hit), (select seq from frontier),
                    (select s.started_at from scan s, frontier f where s.seq = f.seq limit 1)
                $q$, format(v_sources, v_columns))
            into v_page, v_cut, v_edge, v_last
            using p_tenant, p_webhook, p_delivery, coalesce(p_before, 9223372036854775807), v_scan, p_event, p_type,
                p_verdict, p_since, p_until, p_direction, p_latest, p_limit;
            if v_cut then v_edge := v_page[p_limit]; end if;
            -- rows come nearly in order of time: a day behind `since` there is nothing to find
            return query select null::bigint, v_edge,
                coalesce(v_cut, false) or (v_edge > 0 and (p_since is null or v_last > p_since - interval '1 day')),
                null::fanfare.webhook_audit;
            if v_page is not null then
                return query execute 'select a.seq, null::bigint, null::boolean, a from fanfare.webhook_audit a
                    where a.seq = any ($1) and a.seq between $2 and $3 order by a.seq desc'
                using v_page, v_page[cardinality(v_page)], v_page[1];
            end if;
        end $$;
        """
}
